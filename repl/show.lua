-- SPDX-License-Identifier: MIT
-- show.lua: how values, registers and register tables look at the prompt. Text in, text out:
-- nothing here touches a device.
-- Try it:  luajit -e 'print(require "repl.show".value(0xffff))'

local ffi = require "ffi"
local bit = require "bit"

local M = {}

-- ---- numbers -------------------------------------------------------------------------------

-- u64(v): a Lua number or 64-bit cdata as uint64_t, two's complement for negative ones.
function M.u64(v)
  if type(v) == "number" and v < 0 then return ffi.cast("uint64_t", ffi.cast("int64_t", v)) end
  return ffi.cast("uint64_t", v)
end

-- mask(n): the low n bits, 0 <= n <= 64.
function M.mask(n)
  if n >= 64 then return 0xffffffffffffffffULL end
  return bit.lshift(1ULL, n) - 1
end

-- hex(v, bits): "0x…", padded to a register of that many bits.
function M.hex(v, bits)
  return string.format("0x%0" .. (bits and math.ceil(bits / 4) or 1) .. "x", M.u64(v))
end

local function decimal(v)
  return (tostring(M.u64(v)):gsub("ULL$", ""))
end

local function is_wide(v)
  return ffi.istype("uint64_t", v) or ffi.istype("int64_t", v)
end

-- number(v, bits): hexadecimal and decimal, the one way a number is shown.
function M.number(v, bits)
  if type(v) == "number" and (v ~= math.floor(v) or math.abs(v) >= 2 ^ 63) then
    return tostring(v)
  end
  if v < 0 then
    local n = type(v) == "number" and -v or M.u64(-v)
    return string.format("-%s (-%s)", M.hex(n), decimal(n))
  end
  return string.format("%s (%s)", M.hex(v, bits), decimal(v))
end

-- ---- values ----------------------------------------------------------------------------------

local function key_order(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return type(a) == "number" or (type(b) ~= "number" and tostring(a) < tostring(b))
end

local function table_text(t)
  local keys, parts = {}, {}
  for k in pairs(t) do keys[#keys + 1] = k end
  table.sort(keys, key_order)
  for i, k in ipairs(keys) do
    if i > 20 then
      parts[#parts + 1] = string.format("... %d more", #keys - 20)
      break
    end
    local v = t[k]
    local text = type(v) == "table" and "{...}" or M.value(v)
    parts[#parts + 1] = k == i and text or
      (type(k) == "string" and k or "[" .. tostring(k) .. "]") .. " = " .. text
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local LONGEST = 256             -- bytes of a string that are shown

-- value(v): what an expression's result looks like.
function M.value(v)
  if type(v) == "number" or is_wide(v) then return M.number(v) end
  if type(v) == "string" and #v > LONGEST then
    return ("%s... (%d bytes; `md` shows memory)"):format(M.value(v:sub(1, LONGEST)), #v)
  end
  if type(v) == "string" then
    return '"' .. v:gsub('[%c"\\\127-\255]', function(c)
      if c == "\n" then return "\\n" end
      if c == '"' or c == "\\" then return "\\" .. c end
      return string.format("\\x%02x", c:byte())
    end) .. '"'
  end
  local meta = getmetatable(v)
  if type(v) == "table" and not (type(meta) == "table" and meta.__tostring) then
    return table_text(v)
  end
  return tostring(v)
end

-- ---- registers --------------------------------------------------------------------------------

-- field(value, f): the bits of field f of a register's value; a number up to 32 bits.
function M.field(value, f)
  local v = bit.band(bit.rshift(M.u64(value), f.lo), M.mask(f.hi - f.lo + 1))
  return f.hi - f.lo < 32 and tonumber(v) or v
end

function M.enum_name(f, v)
  return f.enum and f.enum[tonumber(v)]
end

local function short(v)
  v = M.u64(v)
  return v < 10 and decimal(v) or M.hex(v)
end

-- access(reg): its access word, or those of its fields.
function M.access(reg)
  if reg.access then return reg.access end
  local words, seen = {}, {}
  for _, f in ipairs(reg.fields or {}) do
    if f.access and not seen[f.access] then
      seen[f.access] = true
      words[#words + 1] = f.access
    end
  end
  return table.concat(words, ",")
end

-- fields(reg, value): "computing=0 dir=to_ram", as the table of registers has it.
function M.fields(reg, value)
  local parts = {}
  for _, f in ipairs(reg.fields or {}) do
    local v = M.field(value, f)
    parts[#parts + 1] = f.name .. "=" .. tostring(M.enum_name(f, v) or short(v))
  end
  return table.concat(parts, " ")
end

local function bits_text(f)
  return f.lo == f.hi and string.format("[%d]", f.lo) or string.format("[%d:%d]", f.hi, f.lo)
end

-- columns(rows): lines of aligned cells; the last cell of a row is not padded.
local function columns(rows, indent)
  local width, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do width[i] = math.max(width[i] or 0, M.length(cell)) end
  end
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell .. (" "):rep(width[i] - M.length(cell)) end
    lines[#lines + 1] = (indent .. table.concat(cells, "  ")):gsub("%s+$", "")
  end
  return lines
end

-- length(s): characters, not bytes, of UTF-8 text.
function M.length(s)
  return select(2, s:gsub("[^\128-\191]", ""))
end

-- register(name, reg, value): a register by itself, a line a field.
function M.register(name, reg, value)
  local head = string.format("%s = %s   %s + 0x%x, %d bits, %s", name,
    M.number(value, reg.width), reg.place, reg.offset, reg.width, M.access(reg))
  local lines = { head }
  if reg.doc and reg.doc ~= "" then lines[#lines + 1] = "  " .. reg.doc end
  local rows = {}
  for _, f in ipairs(reg.fields or {}) do
    local v = M.field(value, f)
    rows[#rows + 1] = { f.name, bits_text(f), f.access or "", M.number(v),
      M.enum_name(f, v) or "", f.doc or "" }
  end
  for _, line in ipairs(columns(rows, "  ")) do lines[#lines + 1] = line end
  return table.concat(lines, "\n")
end

-- field_list(reg): a line a field, without values.
function M.field_list(reg)
  local rows = {}
  for _, f in ipairs(reg.fields or {}) do
    rows[#rows + 1] = { f.name, bits_text(f), f.access or "", f.doc or "" }
  end
  return columns(rows, "  ")
end

local function cut(s, width)
  if M.length(s) <= width then return s end
  local out, n = {}, 0
  for c in s:gmatch("[^\128-\191][\128-\191]*") do
    if n + 3 >= width then break end
    n = n + 1
    out[n] = c
  end
  return table.concat(out):gsub("%s+$", "") .. "..."
end

-- wrap(text, width): lines of at most width characters, broken between words.
function M.wrap(text, width)
  local lines = {}
  for word in text:gmatch "%S+" do
    local last = lines[#lines]
    if last and M.length(last) + 1 + M.length(word) <= width then
      lines[#lines] = last .. " " .. word
    else
      lines[#lines + 1] = word
    end
  end
  return lines
end

-- table(rows, width): the table of registers. rows: { {reg=, name=, value= or nil}, … };
-- width: columns there are, or nil for as many as it takes. What stands last is cut first.
function M.table(rows, width)
  local cells = { { "offset", "name", "access", "value", "fields, doc" } }
  for _, r in ipairs(rows) do
    local reg = r.reg
    local fields = r.value and M.fields(reg, r.value) or ""
    local doc = reg.doc or ""
    cells[#cells + 1] = { string.format("0x%02x", r.offset or reg.offset), r.name, M.access(reg),
      r.value and M.hex(r.value, reg.width) or "",
      fields .. (fields ~= "" and doc ~= "" and "  " or "") .. doc }
  end
  local lines = columns(cells, "  ")
  for i, line in ipairs(lines) do lines[i] = width and cut(line, width - 1) or line end
  return lines
end

return M
