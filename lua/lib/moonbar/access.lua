-- SPDX-License-Identifier: MIT
-- access.lua: the access words. One vocabulary for whole registers (`rw`), fields (`rw(7)`,
-- `rw(15, 8)`) and aliases (`w1s "irq_status"`), and what each means to the register file's masks.
--
-- Try it:  ./moonbar -e 'for w, t in pairs(require("moonbar.access").meaning) do print(w, t) end'
local M = {}

-- What a word says about the bits it stands for, as members of struct mb_reg.
M.masks = {
  ro = { "rd" },
  rw = { "rd", "wr" },
  wo = { "wr" },
  rc = { "rd", "rc" },
  rs = { "rd", "rs" },
  w1c = { "rd", "w1c" },
  w1s = { "rd", "w1s" },
  w1t = { "rd", "w1t" },
  w0c = { "rd", "w0c" },
  w0s = { "rd", "w0s" },
  w0t = { "rd", "w0t" },
  once = { "rd", "wr", "once" },
  rsvd = { "reserved" },
  const = { "rd" },
}

M.meaning = {
  ro = "the driver reads it, writes are ignored",
  rw = "the driver reads and writes it",
  wo = "the driver writes it, reads give 0",
  rc = "a read returns it and clears it",
  rs = "a read returns it and sets it",
  w1c = "writing 1 clears the bit",
  w1s = "writing 1 sets the bit",
  w1t = "writing 1 toggles the bit",
  w0c = "writing 0 clears the bit",
  w0s = "writing 0 sets the bit",
  w0t = "writing 0 toggles the bit",
  once = "the first write after a reset counts",
  rsvd = "reserved: reads 0, writing 1 is a guest error",
  const = "the reset value, always",
}

local Word, Field, Alias = {}, {}, {}
Word.__index, Field.__index, Alias.__index = Word, Field, Alias

function Word:__tostring() return self.name end
function Alias:__tostring() return ("%s %q"):format(self.access, self.target) end
function Field:__tostring()
  if self.hi == self.lo then return ("%s(%s)"):format(self.access, tostring(self.hi)) end
  return ("%s(%s, %s)"):format(self.access, tostring(self.hi), tostring(self.lo))
end

local function is_bit(n)
  return type(n) == "number" and n >= 0 and n == math.floor(n)
end

-- What follows the bit numbers of a field: an enum with options, and a doc string.
local function take_rest(field, v)
  if v == nil then return end
  if type(v) == "string" then
    field.doc = v
  elseif type(v) == "table" and not M.kind(v) then
    for k, x in pairs(v) do
      if type(k) == "number" then
        field.enum = field.enum or {}
        field.enum[k] = x
      elseif k == "reset" or k == "doc" or k == "sticky" or k == "volatile" then
        field[k] = x
      else
        field.bad = type(x) == "number" and ("an enum stands the other way round: [%s] = %q, not %s = %s"):format(
          tostring(x), tostring(k), tostring(k), tostring(x))
          or ("a field knows no option '%s'; it takes enum values ([0] = \"name\", …), "
          .. "reset, doc, sticky, volatile"):format(tostring(k))
      end
    end
  else
    field.bad = ("%s as a field's argument; right would be %s(high, low, { [0] = \"name\", … }, \"doc\")")
      :format(type(v), field.access)
  end
end

-- rw(7), rw(15, 8), rw(3, 2, { [0] = "off", "on" }, "doc"): a field. w1s "irq_status": an alias.
-- Errors are kept in .bad for the row's parser, which knows the row's name.
function Word:__call(a, b, c, d)
  local line = debug.getinfo(2, "l").currentline
  if type(a) == "string" then
    return setmetatable({ access = self.name, target = a, line = line }, Alias)
  end
  local field = setmetatable({ access = self.name, hi = a, lo = a, line = line }, Field)
  if type(a) == "table" and rawget(a, "unknown_word") then return a end         -- a mistake already
  if type(a) == "table" then
    field.bad = ("a comma is missing after %s; right would be %s, { … }"):format(self.name, self.name)
    field.hi, field.lo, field.is_comma = 0, 0, true
    return field
  end
  if not is_bit(a) then
    field.bad = ("%s(%s): a field wants bit numbers, as in %s(7) or %s(15, 8)")
      :format(self.name, a == nil and "" or tostring(a), self.name, self.name)
    field.hi, field.lo = 0, 0
    return field
  end
  if type(b) == "number" then
    if not is_bit(b) then
      field.bad = ("bit number %s is not a whole number from 0 on"):format(tostring(b))
      b = a
    end
    field.hi, field.lo = math.max(a, b), math.min(a, b)
  else
    take_rest(field, b)
  end
  take_rest(field, c)
  take_rest(field, d)
  return field
end

M.words = {}
for name in pairs(M.masks) do M.words[name] = setmetatable({ name = name }, Word) end

-- A field where only a bit number was given: the register's own access word.
function M.field(access, n)
  return setmetatable({ access = access, hi = n, lo = n }, Field)
end

-- "word", "field", "alias" or nil.
function M.kind(v)
  local mt = type(v) == "table" and getmetatable(v)
  if mt == Word then return "word" end
  if mt == Field then return "field" end
  if mt == Alias then return "alias" end
end

-- May the driver change a bit of this kind?
function M.is_writable(access)
  for _, mask in ipairs(M.masks[access]) do
    if mask ~= "rd" and mask ~= "rc" and mask ~= "rs" and mask ~= "reserved" then return true end
  end
  return false
end

return M
