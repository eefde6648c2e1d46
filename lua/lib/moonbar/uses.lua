-- SPDX-License-Identifier: MIT
-- uses.lua: what a file's text says of names that only running it would try: registers as dev.name, causes as
-- raise "reg.field", events as after(…, "name"). A hook that nobody has called yet is looked at, too, so that
-- `moonbar check` finds a slip of the pen before a driver does.
--
-- Try it:  ./moonbar check FILE.lua
local irq = require "moonbar.irq"
local mistakes_of = require "moonbar.mistakes"
local map = require "moonbar.map"
local rows = require "moonbar.rows"

local M = {}

-- ---- unknown words ------------------------------------------------------------------------------------------------

-- What other languages and programs call it.
local elsewhere = {
  null = "nil", NULL = "nil", None = "nil", True = "true", TRUE = "true", False = "false", FALSE = "false",
  self = "dev, the hook's first argument", printf = "log(\"%d\", n)", hex = "tohex",
  sleep = "after(1*ms, \"event\")", delay = "after(1*ms, \"event\")",
}

-- Is @name a key of a table that stands in the file?
local function is_key(tokens, name)
  for i, t in ipairs(tokens) do
    if t.kind == "name" and t.text == name and tokens[i + 1] and tokens[i + 1].text == "=" then
      local before = tokens[i - 1] and tokens[i - 1].text
      if before == "{" or before == "," or before == ";" then return true end
    end
  end
end

-- The line of `local name` or `local function name` after @line, or nil.
local function local_after(tokens, name, line)
  for i, t in ipairs(tokens) do
    if t.text == "local" and t.line > line then
      local next_one = tokens[i + 1]
      if next_one and next_one.text == "function" then next_one = tokens[i + 2] end
      if next_one and next_one.text == name then return next_one.line end
    end
  end
end

-- What may be meant by an unknown word, as the end of a sentence. @tokens: of the file.
function M.hint(name, line, tokens, env, capabilities)
  local later = local_after(tokens, name, line)
  if later then
    return ("; a local is known from its own line on, which is %d: put it before"):format(later)
  end
  if elsewhere[name] then return ("; right would be %s"):format(elsewhere[name]) end
  local near = mistakes_of.nearest(name, env)
  if near and near:lower() == name:lower() then return mistakes_of.hint(name, env) end
  if capabilities[name] then return ("; right would be cap.%s{}"):format(name) end
  if rows.options[name] then return ("; an option has a name: %s = …"):format(name) end
  if is_key(tokens, name) then
    return ("; if the register is meant, right would be %q in a row, dev.%s in a hook"):format(name, name)
  end
  return mistakes_of.hint(name, env)
end

-- ---- names that a hook will use -------------------------------------------------------------------------------------

local function literal(token)
  return token and token.kind == "string" and token.text:match "^[\"']([^\\\n]*)[\"']$"
end

-- The text of a string that is all of an argument.
local function literal_alone(tokens, i)
  local after = tokens[i + 1]
  if after and (after.text == ")" or after.text == ",") then return literal(tokens[i]) end
end

-- word "text" or word("text"[, …]): the text, if that is all of the argument.
local function first_argument(tokens, i)
  local one = tokens[i + 1]
  if not one then return nil end
  if one.kind == "string" then return literal(one) end
  if one.text == "(" then return literal_alone(tokens, i + 2) end
end

-- word(expression, HERE…: the index of the second argument's first token.
local function second_place(tokens, i)
  if not (tokens[i + 1] and tokens[i + 1].text == "(") then return nil end
  local depth, j = 0, i + 1
  while tokens[j] do
    local t = tokens[j].kind ~= "string" and tokens[j].text or ""
    if t == "(" or t == "{" or t == "function" then depth = depth + 1 end
    if t == ")" or t == "}" or t == "end" then depth = depth - 1 end
    if depth == 0 then return nil end
    if depth == 1 and t == "," then return j + 1 end
    j = j + 1
  end
end

local function check_member(add, owner, name, known, what)
  if not known[name] then add("%s has no %s '%s'%s", owner, what, name, mistakes_of.hint(name, known)) end
end

local function member_hint(def, name)
  for _, group in ipairs(def.groups) do
    if group.members[name] then
      return ("; right would be dev.%s%s.%s"):format(group.name, group.is_array and "[i]" or "", name)
    end
  end
  return mistakes_of.hint(name, map.names(def))
end

-- A row of that name stands there, and was not taken for a mistake of its own: one is enough.
local function is_known_mistake(def, name)
  if not name then return false end
  if #def.mistakes == 0 or def.by_name[name] or def.groups[name] then return false end
  for _, source in pairs(def.sources) do
    if is_key(source.tokens, name) then return true end
  end
end

-- What follows dev.name, of a register: an index, a call.
local function check_use(tokens, i, reg, name, add)
  local after, index = tokens[i + 3] and tokens[i + 3].text, tokens[i + 4]
  local path = tokens[i].text .. "." .. name
  if after == "[" and not reg.is_array and (not reg.fields or index and index.kind == "number") then
    add("%s[…]: %s is no array", path, name)
  elseif after == "[" and index and index.kind == "number" and tokens[i + 5].text == "]"
    and tonumber(index.text) and tonumber(index.text) >= reg.count then
    add("%s[%s]: the array has %d element%s, 0 to %d", path, index.text, reg.count, reg.count == 1 and "" or "s",
      reg.count - 1)
  elseif (after == "=" or after == "(") and reg.is_array then
    add("%s is an array; right would be %s[0] = …", path, path)
  elseif after == "(" and not reg.fields then
    add("%s(…): a register is no function; right would be %s, or %s = value", path, path, path)
  end
end

-- dev.name, dev.name.field, dev.group.name
local function check_register(def, tokens, i, add)
  local name = tokens[i + 2] and tokens[i + 2].kind == "name" and tokens[i + 2].text
  if not name then return end
  local reg, group = def.by_name[name], def.groups[name]
  if is_known_mistake(def, name) then return end
  if not reg and not group then
    return add("%s.%s: %s has no register '%s'%s", tokens[i].text, name, def.name, name, member_hint(def, name))
  end
  if reg then check_use(tokens, i, reg, name, add) end
  local more = tokens[i + 3] and tokens[i + 3].text == "." and tokens[i + 4]
  if not more or more.kind ~= "name" or tokens[i + 5] and tokens[i + 5].text == "." then return end
  if group and not group.is_array then
    check_member(add, name, more.text, group.members, "register")
  elseif reg and not reg.is_array and not reg.group and reg.fields and more.text ~= "value" then
    if #def.mistakes > 0 and is_key(tokens, more.text) then return end
    check_member(add, name, more.text, reg.field, "field")
  elseif reg and not reg.is_array and not reg.group and not reg.fields then
    add("%s.%s.%s: %s has no fields; it is a number", tokens[i].text, name, more.text, name)
  end
end

-- The index of the token that ends the function that begins at token i.
local opens = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local closes = { ["end"] = true, ["until"] = true }

local function function_end(tokens, i)
  local depth = 0
  for j = i, #tokens do
    local t = tokens[j].kind == "name" and tokens[j].text
    if opens[t] then depth = depth + 1 elseif closes[t] then depth = depth - 1 end
    if depth == 0 then return j end
  end
  return #tokens
end

-- Does code from token @from to @to make @name something of its own: a local, a loop's variable, another function's
-- argument (unless @arguments_may), or by assigning to it?
local function is_own(tokens, name, from, to, arguments_may)
  local in_arguments
  for i = from, to do
    local t, before, after = tokens[i], tokens[i - 1], tokens[i + 1]
    if t.text == "function" and t.kind == "name" then in_arguments = not arguments_may end
    if t.text == ")" then in_arguments = false end
    if t.kind == "name" and t.text == name and not (before and before.text == ".") then
      if in_arguments or after and after.text == "=" or before and (before.text == "local" or before.text == "for") then
        return true
      end
    end
  end
end

local hooks = { write = true, read = true, doorbell = true }

-- The functions that stand where a hook, an event or a handler does: { from, to, model = what it calls the model,
-- value = what it calls the value, if it is a hook }.
local function functions_of(tokens)
  local list = {}
  for i, t in ipairs(tokens) do
    if t.kind == "name" and t.text == "function" then
      local open, a, b = i + 1, tokens[i - 2], tokens[i - 1]
      local is_hook = a and hooks[a.text] and b.text == "="
      local is_event = tokens[open] and (tokens[open].text == "event" or tokens[open].text == "on")
      while is_event and tokens[open] and tokens[open].text ~= "(" do open = open + 1 end
      local first, comma, second = tokens[open + 1], tokens[open + 2], tokens[open + 3]
      if (is_hook or is_event) and first and first.kind == "name" then
        local f = { from = open, to = function_end(tokens, i), model = first.text }
        local body = open
        while tokens[body].text ~= ")" and body < f.to do body = body + 1 end
        if is_hook and comma.text == "," and second and second.kind == "name" then f.value = second.text end
        if is_own(tokens, f.model, body, f.to) then f.model = nil end
        if f.value and is_own(tokens, f.value, body, f.to) then f.value = nil end
        list[#list + 1] = f
      end
    end
  end
  return list
end

-- Is token i what one of these functions calls @what? `dev` is the model everywhere, where a file says nothing else.
local function is_called(functions, tokens, i, what)
  for _, f in ipairs(functions) do
    if i >= f.from and i <= f.to and f[what] == tokens[i].text then return true end
  end
end

local before_truth = { ["if"] = true, ["elseif"] = true, ["while"] = true, ["and"] = true, ["or"] = true,
  ["not"] = true }
local after_truth = { ["then"] = true, ["do"] = true, ["and"] = true, ["or"] = true }

local function has_field(def, name)
  for _, reg in ipairs(def.regs) do
    if reg.field and reg.field[name] then return true end
  end
end

-- `if v.go then`: a number is true, 0 as well.
local function check_truth(def, tokens, i, is_model, add)
  if not (tokens[i - 1] and before_truth[tokens[i - 1].text]) then return end
  local path, j, last = tokens[i].text, i + 1, nil
  while tokens[j] and tokens[j].text == "." and tokens[j + 1] and tokens[j + 1].kind == "name" do
    last = tokens[j + 1].text
    path, j = path .. "." .. last, j + 2
  end
  if not (tokens[j] and after_truth[tokens[j].text]) then return end
  local number
  if is_model then
    local reg = def.by_name[tokens[i + 2] and tokens[i + 2].text]
    number = reg and not reg.is_array
  else
    number = j == i + 1 or j == i + 3 and has_field(def, last)
  end
  if number then add("%s is a number, and in Lua 0 is true as well; right would be %s ~= 0", path, path) end
end

local function check_raise(def, tokens, i, add)
  local text = first_argument(tokens, i)
  if not text or is_known_mistake(def, text:match "^[%a_][%w_]*") then return end
  local ok, why = irq.find_cause(def, text)
  if not ok then add("%s", why) end
end

local function check_event(def, tokens, i, add)
  local word = tokens[i].text
  local text
  if word == "after" then
    local where = second_place(tokens, i)
    local a, b, c = tokens[where or 0], tokens[(where or 0) + 1], tokens[(where or 0) + 2]
    if a and a.text == "event" and b and b.text == "." and c and def.events[c.text] then
      return add("after: an event is told by its name; right would be after(…, %q)", c.text)
    end
    text = where and literal_alone(tokens, where)
  else
    text = first_argument(tokens, i)
  end
  if text and not def.events[text] then
    add("%s: there is no event %q%s; right would be function event.%s(dev) … end", word, text,
      mistakes_of.hint(text, def.events), text)
  end
end

local function check_source(def, source)
  local tokens, early = source.tokens, {}
  for _, m in ipairs(def.mistakes) do
    if m.is_early and m.file == source.file then early[m.line] = true end
  end
  local functions, dev_is_own = functions_of(tokens), is_own(tokens, "dev", 1, #tokens, true)
  for i, t in ipairs(tokens) do
    local before = tokens[i - 1] and tokens[i - 1].text
    if t.kind == "name" and before ~= "." and before ~= ":" and before ~= "function" and not early[t.line] then
      local function add(fmt, ...) def.mistakes:add({ file = source.file, line = t.line }, nil, fmt, ...) end
      local is_model = t.text == "dev" and not dev_is_own or is_called(functions, tokens, i, "model")
      local after = tokens[i + 1] and tokens[i + 1].text
      if t.text == "raise" then
        check_raise(def, tokens, i, add)
      elseif t.text == "after" or t.text == "cancel" then
        check_event(def, tokens, i, add)
      elseif is_model and after == "." then
        check_register(def, tokens, i, add)
        check_truth(def, tokens, i, true, add)
      elseif is_model and after == ":" and tokens[i + 2] then
        add("%s:%s: registers have no methods; right would be %s.register, or %s.register = value", t.text,
          tokens[i + 2].text, t.text, t.text)
      elseif is_called(functions, tokens, i, "value") then
        check_truth(def, tokens, i, false, add)
      end
    end
  end
end

-- Look at all files of @def, whose rows are all there.
function M.check(def)
  for _, source in pairs(def.sources) do check_source(def, source) end
end

return M
