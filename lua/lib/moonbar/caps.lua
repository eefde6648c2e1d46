-- SPDX-License-Identifier: MIT
-- caps.lua: what a device says of itself before its registers: identity, interrupts, capabilities. Each
-- is read into a plain record, and all into struct mb_desc, from which C builds configuration space.
--
-- Try it:  ./moonbar check lua/devices/edu.lua
local ffi = require "ffi"
local extended = require "moonbar.caps_extended"
local lib = require "moonbar.lib"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local blame = mistakes_of.blame

local M = {}

M.ids = { pm = 0x01, msi = 0x05, vendor = 0x09, express = 0x10, msix = 0x11 }

-- Options of each builder, and what cap.NAME{} of the design has no builder yet.
local options = {
  pm = {},
  express = { flr = "boolean" },
  msi = { vectors = "number", masking = "boolean", is64 = "boolean" },
  msix = { vectors = "number", bar = "number", table = "number", pba = "number" },
  vendor = { bytes = "string or table", wmask = "string or table" },
}
for kind, known in pairs(extended.options) do options[kind] = known end
local planned = { ats = true, pasid = true, ["sr_iov"] = true }
local several = { vendor = true, vsec = true, dvsec = true, extended = true }         -- may be there more than once
M.kinds = options
local MAX_CAPS = 16             -- MB_MAX_CAPS

local function check_options(kind, t, add)
  for key, v in pairs(t) do
    local want = options[kind][key]
    if not want then
      add("it knows no option '%s'%s", tostring(key), mistakes_of.hint(key, options[kind]))
    elseif mistakes_of.is_unknown(v) then
      t[key] = type(want) == "table" and want[1] or nil
    elseif type(want) == "table" then
      if not numbers.is_integer(v) or numbers.is_u64(v) and want[2] < 2 ^ 64 or type(v) == "number"
        and (v < want[1] or v > want[2] or v >= 2 ^ 64) then
        add("%s = %s; right would be a whole number from %d to %s", key,
          type(v) == "string" and ("%q"):format(v) or tostring(v), want[1],
          want[2] >= 2 ^ 64 and "0xffffffffffffffffULL" or numbers.hex(want[2]))
        t[key] = want[1]
      end
    elseif not want:find(type(v), 1, true) then
      add("%s = %s; right would be a %s", key, type(v) == "string" and ("%q"):format(v) or tostring(v), want)
      t[key] = nil
    end
  end
end

local function check_vectors(kind, n, add)
  if kind == "msi" and not (n >= 1 and n <= 32 and numbers.is_power_of_two(n)) then
    add("MSI has 1, 2, 4, 8, 16 or 32 vectors, not %s", tostring(n))
    return 1
  end
  if kind == "msix" and not (n >= 1 and n <= 2048 and n == math.floor(n)) then
    add("MSI-X has 1 to 2048 vectors, not %s", tostring(n))
    return 1
  end
  return n
end

local function bytes_of(v, add, what, most)
  local s = {}
  if type(v) == "string" then
    for i = 1, #v do s[i] = v:byte(i) end
  else
    for i, b in ipairs(v or {}) do
      if type(b) ~= "number" or b < 0 or b > 255 then add("%s[%d] is no byte", what, i) b = 0 end
      s[i] = b
    end
  end
  if #s > most then
    add("%s has %d bytes; there is room for %d", what, #s, most)
    return {}
  end
  return s
end

local function build_extended(c, t, add)
  local kind = c.kind
  for key in (extended.needs[kind] or ""):gmatch("(%a+) =") do
    if t[key] == nil then
      add("no %s; right would be cap.%s{ %s }", key, kind, extended.needs[kind])
      t = { number = 0, vendor = 0, id = 1 }
    end
  end
  local room = extended.most_bytes - 6
  local given = { number = t.number, snoop = t.snoop, no_snoop = t.no_snoop, id = t.id, rev = t.rev, vendor = t.vendor,
    version = t.version }
  for _, what in ipairs { "bytes", "wmask", "w1c" } do given[what] = bytes_of(t[what], add, what, room) end
  local id
  id, c.version, c.bytes, c.wmask, c.w1c = extended.build[kind](given)
  c.cap_id, c.is_extended = 0x10000 + id, true          -- MB_CAP_ID_EXTENDED
end

local function build(def, kind, t, where)
  local function add(fmt, ...) def.mistakes:add(where, "cap." .. kind, fmt, ...) end
  if type(t) ~= "table" then
    add("cap.%s(%s); right would be cap.%s{ … }", kind, tostring(t), kind)
    t = {}
  end
  check_options(kind, t, add)
  local c = { kind = kind, file = where.file, line = where.line, given = t }
  for k, v in pairs(t) do c[k] = v end
  if kind == "msi" or kind == "msix" then c.vectors = check_vectors(kind, t.vectors or 1, add) end
  if kind == "vendor" then
    c.bytes, c.wmask = bytes_of(t.bytes, add, "bytes", 189), bytes_of(t.wmask, add, "wmask", 189)
  end
  if extended.options[kind] then build_extended(c, t, add) end
  for _, other in ipairs(def.caps) do
    if other.kind == kind and not several[kind] then
      add("a second %s capability, the first is on line %d; keep one", kind, other.line)
      return c
    end
  end
  if #def.caps >= MAX_CAPS then add("more than %d capabilities", MAX_CAPS) return c end
  def.caps[#def.caps + 1] = c
  return c
end
M.build = build

-- The word `cap` of a device file; @here(level): { file =, line = } of the caller.
function M.word(def, here)
  return setmetatable({}, {
    __index = function(_, kind)
      if planned[kind] then
        return function()
          def.mistakes:add(here(2), "cap." .. kind, "not supported yet; there are pm, express, msi, "
            .. "msix, vendor, aer, serial, ltr, vsec, dvsec, extended")
        end
      end
      if not options[kind] then
        def.mistakes:add(here(2), "cap", "no capability '%s'%s", tostring(kind), mistakes_of.hint(kind, options))
        return function() end
      end
      return function(t) return build(def, kind, t, here(2)) end
    end,
    __newindex = function() blame("cap is not a table to write to; right would be cap.pm{}") end,
  })
end

-- ---- device "name" { … } ------------------------------------------------------------------------------

M.device_options = {
  id = "string", subsystem = "string", rev = "number", class = "number", intx = "boolean", msi = "number",
  msix = "number", msix_bar = "number", dma_bits = "number", caps = "table", doc = "string",
  timeout = "number",
}

local examples = { subsystem = "subsystem = \"1234:0001\"", rev = "rev = 1", class = "class = 0x010802",
  intx = "intx = true", msi = "msi = 4", msix = "msix = 16", msix_bar = "msix_bar = 0", dma_bits = "dma_bits = 32",
  caps = "caps = { cap.pm{} }", doc = "doc = \"what it is\"", timeout = "timeout = 50*ms" }

-- What people call options that have another name.
local interrupt_options = "; right would be intx = true, msi = 1 or msix = 1"
local bar_option = "; BARs stand after the device: bar(0, 4*KiB) { … }"
local not_options = {
  name = "; the name stands before the braces: device \"name\" { … }",
  revision = "; right would be rev = 1", interrupt = interrupt_options, irq = interrupt_options,
  interrupts = interrupt_options, bars = bar_option, bar = bar_option,
  class_code = "; right would be class = 0x010802",
}

local function take_id(text, what, add)
  local a, b = tostring(text):match("^(%x%x%x%x):(%x%x%x%x)$")
  if not a then
    add("%s = %q; right would be \"1234:11e8\", vendor and device in four hex digits each", what, tostring(text))
    return 0, 0
  end
  return tonumber(a, 16), tonumber(b, 16)
end

local function take_number(t, key, max, add, default)
  local v = t[key]
  if v == nil then return default end
  if v < 0 or v > max or v ~= math.floor(v) then
    add("%s = %s; right would be 0 to %s", key, tostring(v), numbers.hex(max))
    return default
  end
  return v
end

-- device "name" { … } into def.
function M.device(def, name, t, where)
  local function add(fmt, ...) def.mistakes:add(where, "device", fmt, ...) end
  def.name, def.device_where = name, where
  if not tostring(name):match("^[%w_%-]+$") or #name > 63 then
    add("the name %q; right would be letters, digits, - and _, at most 63", tostring(name))
  end
  if type(t) ~= "table" then add("device %q wants a table: { id = \"1234:11e8\" }", name) t = {} end
  local unnamed_id
  for key, v in pairs(t) do
    local want = M.device_options[key]
    if key == 1 and type(v) == "string" and not t.id then
      add("%q has no name; right would be id = %q", v, v)
      unnamed_id = v
    elseif not want and (key == "vendor" or key == "device") then
      unnamed_id = unnamed_id or (type(t.vendor) == "number" and type(t.device) == "number" and
        ("%04x:%04x"):format(t.vendor, t.device)) or "0000:0000"
      add("no option '%s'; right would be id = %q", key, unnamed_id ~= "0000:0000" and unnamed_id or "1234:11e8")
    elseif not want then
      add("no option '%s'%s", tostring(key), not_options[key] or mistakes_of.hint(key, M.device_options))
    elseif mistakes_of.is_unknown(v) then
      t[key] = nil
    elseif key == "id" and type(v) ~= want then
      add("id = %s; right would be \"1234:11e8\", vendor and device in four hex digits each", tostring(v))
      t.id = "0000:0000"
    elseif type(v) ~= want then
      add("%s = %s; right would be %s", key, type(v) == "string" and ("%q"):format(v) or tostring(v),
        want == "number" and type(v) == "string" and tonumber(v) and key .. " = " .. v or examples[key])
      t[key] = nil
    end
  end
  t.id = t.id or unnamed_id
  if t.id then
    def.vendor, def.device = take_id(t.id, "id", add)
  else
    add("no id; right would be id = \"1234:11e8\", vendor and device")
  end
  for i, c in ipairs(t.caps or {}) do
    if type(c) == "function" then
      add("caps[%d] is a word without its braces; right would be caps = { cap.pm{}, … }", i)
    elseif type(c) ~= "table" then
      add("caps[%d] = %s; right would be caps = { cap.pm{}, … }", i, type(c) == "string" and ("%q"):format(c)
        or tostring(c))
    end
  end
  if t.subsystem then def.subsys_vendor, def.subsys_device = take_id(t.subsystem, "subsystem", add) end
  def.rev = take_number(t, "rev", 0xff, add, 0)
  def.class = take_number(t, "class", 0xffffff, add, 0xff0000)
  def.dma_bits = take_number(t, "dma_bits", 64, add, 0)
  def.timeout = take_number(t, "timeout", 60e9, add, 0)
  def.intx, def.doc, def.msix_bar = t.intx or false, t.doc, t.msix_bar
  if t.msi then build(def, "msi", { vectors = t.msi }, where) end
  if t.msix then build(def, "msix", { vectors = t.msix }, where).shorthand = true end
end

local function align_down(n, to) return math.floor(n / to) * to end

-- Where the msix = n shorthand puts table and PBA: in the last pages of the BAR.
local function place_msix(def, c)
  if not c.bar then
    c.bar = c.shorthand and def.msix_bar
    for n = 5, 0, -1 do
      if def.bars[n] and not (c.shorthand and def.msix_bar) then c.bar = n end
    end
    c.bar = c.bar or 0
  end
  local bar = def.bars[c.bar]
  if bar and not c.table then
    local pba = 8 * math.ceil(c.vectors / 64)
    local total = 16 * c.vectors + pba
    c.table = align_down(bar.size - total, bar.size >= 8192 and 4096 or 16)
    c.pba = c.pba or c.table + 16 * c.vectors
  elseif bar and not c.pba then
    c.pba = c.table + 16 * c.vectors
  end
  c.table, c.pba = c.table or 0, c.pba or 0
  local table_end, pba_end = c.table + 16 * c.vectors, c.pba + 8 * math.ceil(c.vectors / 64)
  if bar and c.pba < table_end and c.table < pba_end then
    def.mistakes:add(c, "msix", "the MSI-X PBA (%s to %s) is inside the table (%s to %s); right would be pba = %s",
      numbers.hex(c.pba, 8), numbers.hex(pba_end - 1, 8), numbers.hex(c.table, 8), numbers.hex(table_end - 1, 8),
      numbers.hex(table_end, 8))
  end
  for _, what in ipairs { "table", "pba" } do
    if c[what] % 8 ~= 0 then
      def.mistakes:add(c, "msix", "the MSI-X %s at %s; right would be a multiple of 8", what, numbers.hex(c[what]))
    end
  end
end

-- After the whole file: places what was left open, counts def.vectors.
function M.finish(def)
  def.vectors = def.intx and 1 or 0
  local kinds = {}
  for _, c in ipairs(def.caps) do kinds[c.kind] = true end
  for _, c in ipairs(def.caps) do
    if c.is_extended and not kinds.express then
      def.mistakes:add(c, "cap." .. c.kind, "an extended capability wants cap.express{} too: of a device that is not "
        .. "PCI Express, a driver reads 256 bytes of configuration space only")
    end
    if c.kind == "msix" then place_msix(def, c) end
    if c.vectors then def.vectors = math.max(def.vectors, c.vectors) end
  end
end

local function fill_cap(to, c)
  to.id = c.cap_id or M.ids[c.kind]
  to.version = c.version or 0
  to.vectors = c.vectors or 0
  to.bar, to.table, to.pba = c.bar or 0, c.table or 0, c.pba or 0
  to.masking = c.masking and 1 or 0
  to.flr = c.flr and 1 or 0
  to.is64 = c.is64 == false and 0 or 1
  to.len = c.bytes and #c.bytes or 0
  for i, b in ipairs(c.bytes or {}) do to.bytes[i - 1] = b end
  for i, b in ipairs(c.wmask or {}) do to.wmask[i - 1] = b end
  for i, b in ipairs(c.w1c or {}) do to.w1c[i - 1] = b end
end

-- Whose the bytes of configuration space are, as int8_t[4096]: the index of a capability, -1 nobody's, -2
-- the header's. Or nil, after a mistake was added: they do not fit.
function M.owners(def)
  for _, c in ipairs(def.caps) do
    if c.kind == "msix" and not def.bars[c.bar] then return nil end     -- a mistake already
  end
  local owner, err = ffi.new("int8_t[4096]"), ffi.new("struct mb_error")
  if lib.C.mb_config_owners(M.describe(def, nil, 0, 0, nil, 0), owner, err) == 0 then return owner end
  if #def.mistakes > 0 then return nil end
  def.mistakes:add(def.caps[#def.caps], "cap", "%s", (ffi.string(err.text):gsub("^.-: ", "")))
end

-- struct mb_desc of @def; @rows, @rams: cdata arrays, which must outlive the call that takes it. Of the
-- @nrows rows those from @config on are of configuration space.
function M.describe(def, rows, nrows, config, rams, nrams)
  local d = ffi.new("struct mb_desc")
  ffi.copy(d.name, def.name:sub(1, 63))
  d.vendor, d.device = def.vendor, def.device
  d.subsys_vendor, d.subsys_device = def.subsys_vendor or 0, def.subsys_device or 0
  d.revision, d.class_code = def.rev, def.class
  d.intx, d.dma_bits, d.timeout_ns = def.intx and 1 or 0, def.dma_bits, def.timeout
  for n, bar in pairs(def.bars) do
    d.bar[n].size, d.bar[n].is64, d.bar[n].prefetch = bar.size, bar.is64 and 1 or 0, bar.prefetch and 1 or 0
  end
  d.ncaps = #def.caps
  for i, c in ipairs(def.caps) do fill_cap(d.cap[i - 1], c) end
  d.rows, d.nrows, d.ram, d.nram = rows, config, rams, nrams
  d.config_events = rows and def.on.config_write and 1 or 0        -- rows: not in describe_text(), a hook is no shape
  if rows then d.config, d.nconfig = rows + config, nrows - config end
  return d
end

return M
