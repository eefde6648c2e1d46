-- SPDX-License-Identifier: MIT
-- driver.lua: the driver's side of the simulated bus: reads and writes by register name, configuration
-- space, memory for DMA, waiting for interrupts, and the clock that a test steps. What a test, an example
-- or the prompt does through it, a kernel driver would do with readl() and writel().
--
-- Try it:  ./moonbar -e 'local d = driver "edu"; d.liveness = 5; print(d.liveness)' lua/devices/edu.lua
local bit = require "bit"
local ffi = require "ffi"
local driver_config = require "moonbar.driver_config"
local fields = require "moonbar.fields"
local lib = require "moonbar.lib"
local map = require "moonbar.map"
local memory = require "moonbar.memory"
local mistakes_of = require "moonbar.mistakes"
local model = require "moonbar.model"
local numbers = require "moonbar.numbers"
local rows = require "moonbar.rows"
local view = require "moonbar.view"
local blame = mistakes_of.blame
local C = lib.C
local band, bor, lshift, rshift = bit.band, bit.bor, bit.lshift, bit.rshift

ffi.cdef "int usleep(unsigned int);"

local M = {}

local Driver = {}               -- methods; register names come after them
local device_of = setmetatable({}, { __mode = "k" })    -- driver → device object

-- The device object behind a driver's side, in the method called @name.
local function device(self, name)
  local dev = device_of[self]
  if not dev then blame("%s is a method: right would be d:%s(…), with a colon", name, name) end
  return dev
end

local function check_number(name, what, v, least, most)
  if type(v) ~= "number" or v ~= math.floor(v) or v < least or v > (most or 2 ^ 53) then
    blame("%s: %s = %s; right would be a whole number from %d%s", name, what, type(v) == "string" and ("%q"):format(v)
      or tostring(v), least, most and " to " .. most or " on")
  end
  return v
end

-- ---- accesses ------------------------------------------------------------------------------------------------

local function check_access(dev, name, bar, offset, size)
  check_number(name, "the BAR", bar, 0, 5)
  check_number(name, "the offset", offset, 0)
  if size ~= 1 and size ~= 2 and size ~= 4 and size ~= 8 then
    blame("%s(bar, offset, size%s): the size is %s; a driver's accesses are of 1, 2, 4 or 8 bytes", name,
      name == "bus_write" and ", value" or "", tostring(size))
  elseif not dev.ctx.def.bars[bar] then
    blame("%s: %s has no BAR %d", name, dev.name, bar)
  end
end

-- One access of 1, 2, 4 or 8 bytes at an offset of a BAR. A uint64_t for 8 bytes, else a number.
function Driver:bus_read(bar, offset, size)
  local dev = device(self, "bus_read")
  check_access(dev, "bus_read", bar, offset, size)
  dev.core:bus_read(bar, offset, size)
  return numbers.shrink(dev.ctx.call.data, size * 8)
end

function Driver:bus_write(bar, offset, size, v)
  local dev = device(self, "bus_write")
  check_access(dev, "bus_write", bar, offset, size)
  if not numbers.is_integer(v) then
    blame("bus_write(bar, offset, size, value): the value is %s; right would be a whole number", v == nil and "missing"
      or type(v) == "number" and tostring(v) or "a " .. type(v))
  end
  dev.ctx.call.data = numbers.u64(v)
  dev.core:bus_write(bar, offset, size)
end

-- The access size for a register: all of it if it takes that, else the largest it takes.
local function access_size(reg)
  local size = reg.size
  if not reg.sizes then return size end
  local best
  for _, n in ipairs(reg.sizes) do
    if n <= size then best = n end
  end
  return best or size
end

local function find(self, path, index)
  local dev = device(self, "read")
  if type(path) ~= "string" then blame("right would be d:read \"register\", not %s", tostring(path)) end
  local reg, field, element = map.find(dev.ctx.def, path)
  if not reg then blame("%s", field) end
  if reg.is_array and not (element or index) then
    blame("%s is an array; right would be %s", path, map.element_name(reg, 0))
  end
  return reg, field, element or index or 0
end

local function bus_read(self, reg, offset, size)
  if reg.bar.is_config then return Driver.config_read(self, offset, size) end
  return Driver.bus_read(self, reg.bar.n, offset, size)
end

local function bus_write(self, reg, offset, size, v)
  if reg.bar.is_config then return Driver.config_write(self, offset, size, tonumber(v)) end
  return Driver.bus_write(self, reg.bar.n, offset, size, v)
end

M.read_at, M.write_at = bus_read, bus_write       -- (driver, register's record, offset, size[, value])

local function read_whole(self, reg, i)
  local offset, size = rows.place(reg, i), access_size(reg)
  if size == reg.size then return bus_read(self, reg, offset, size) end
  local v = 0ULL
  for at = 0, reg.size - size, size do
    v = bor(v, lshift(numbers.u64(bus_read(self, reg, offset + at, size)), 8 * at))
  end
  return numbers.shrink(v, reg.width)
end

local function write_whole(self, reg, i, v)
  local offset, size = rows.place(reg, i), access_size(reg)
  if size == reg.size then return bus_write(self, reg, offset, size, v) end
  v = numbers.u64(v)
  for at = 0, reg.size - size, size do
    bus_write(self, reg, offset + at, size, band(rshift(v, 8 * at), numbers.width_mask(8 * size)))
  end
end

-- A driver cannot write more bits than there are: what does not fit is its author's mistake, where the model
-- would reduce it.
local function fitting(v, f, reg)
  local plain = view.plain(v)
  if type(plain) == "number" or numbers.is_u64(plain) then
    local width = f and f.width or reg.width
    local wide, all = numbers.u64(plain), numbers.width_mask(width)
    local negative = type(plain) == "number" and plain < 0
    if type(plain) == "number" and (plain >= 2 ^ 64 or plain < -2 ^ 63) or not negative and band(wide, all) ~= wide
      or negative and plain < -2 ^ (width - 1) then
      blame("%s does not fit into %s, which has %d bit%s", numbers.is_integer(plain) and numbers.hex(plain)
        or tostring(plain), f and reg.name .. "." .. f.name or reg.name, width, width == 1 and "" or "s")
    end
  end
  return v
end

local function whole_fitting(reg, v)
  if type(v) == "table" and reg.fields then
    for name, x in pairs(v) do fitting(x, reg.field[name], reg) end
  end
  return model.whole_value(reg, fitting(v, nil, reg))
end

local read_behaviours = setmetatable({}, { __mode = "k" })      -- driver → "reg\0i" → { reg =, id = }

-- What one read returned, by field; setting a field writes the register back with it replaced, as a
-- driver's read-modify-write does. .value or () is the whole.
local function read_behaviour(self, reg, i)
  local key = reg.name .. "\0" .. i
  local known = read_behaviours[self][key]
  if known and known.reg == reg then return known.id end
  local get = {}
  for _, f in ipairs(reg.fields) do
    get[f.name] = function(v) return fields.extract(f, v.mb_value) end
  end
  local function put(view_of, value)
    view_of.mb_value = value
    write_whole(self, reg, i, value)
  end
  local id = view.behaviour {
    reg = reg, get = get, whole = function(v) return numbers.shrink(v.mb_value, reg.width) end,
    set_field = function(f, v, at) put(at, fields.insert(f, at.mb_value, fitting(v, f, reg), reg.width)) end,
    set_whole = function(v, at) put(at, whole_fitting(reg, v)) end,
    text = function(whole) return reg.name .. " " .. fields.text(reg, whole) end,
  }
  read_behaviours[self][key] = { reg = reg, id = id }
  return id
end

local function read_view(self, reg, i)
  return view.make(read_behaviour(self, reg, i), numbers.u64(read_whole(self, reg, i)))
end

local function get(self, reg, i)
  if reg.fields then return read_view(self, reg, i) end
  return read_whole(self, reg, i)
end

local function set(self, reg, i, v)
  write_whole(self, reg, i, whole_fitting(reg, v))
end

local function check_index(name, count, i)
  if type(i) ~= "number" or i < 0 or i >= count or i ~= math.floor(i) then
    blame("%s[%s]: the array has %d element%s, 0 to %d", name, tostring(i), count, count == 1 and "" or "s", count - 1)
  end
end

-- The elements first to first + count - 1 of a register, called @name.
local function array_of(self, reg, first, count, name)
  return setmetatable({}, {
    __index = function(_, i) check_index(name, count, i) return get(self, reg, first + i) end,
    __newindex = function(_, i, v) check_index(name, count, i) set(self, reg, first + i, v) end,
  })
end

-- read("reg"[, index]): the whole value as a number or uint64_t; read("reg.field"): the field.
function Driver:read(path, index)
  local reg, field, i = find(self, path, index)
  local v = read_whole(self, reg, i)
  return field and fields.extract(field, v) or v
end

-- write("reg", v[, index]); write("reg.field", v) reads first.
function Driver:write(path, v, index)
  local reg, field, i = find(self, path, index)
  if field then v = fields.insert(field, read_whole(self, reg, i), fitting(v, field, reg), reg.width)
  else v = whole_fitting(reg, v) end
  write_whole(self, reg, i, v)
end

driver_config.into(Driver, device, check_number)

-- ---- memory for DMA ----------------------------------------------------------------------------------------

local Page = {}

-- A page is its span (:u32(), :at(), …) with .bus, the address that the device uses.
function Page.__index(page, key)
  if key == "len" or key == "size" then return tonumber(rawget(page, "span").len) end
  local v = rawget(page, "span")[key]
  if type(v) ~= "function" then return v end
  return function(_, ...) return v(rawget(page, "span"), ...) end
end
function Page.__tostring(page)
  return ("%s at bus address %s"):format(tostring(page.span), numbers.hex(page.bus))
end

local function page(span, bus)
  return setmetatable({ span = span, bus = tonumber(bus) }, Page)
end

-- Zeroed memory that the device may reach, until dma_unmap. A page; or nil and why not.
function Driver:dma_alloc(size)
  local bus = ffi.new("uint64_t[1]")
  local dev = device(self, "dma_alloc")
  check_number("dma_alloc", "size", size, 1, 2 ^ 40)
  local ptr = C.mb_dma_alloc(dev.ctx.ptr, size, bus)
  if ptr == nil then
    return nil, ("no %s for DMA that the device's address bits reach"):format(numbers.size_text(size))
  end
  return page(memory.span(ffi.cast("uint8_t *", ptr), size), bus[0])
end

local directions = { to_device = 1, from_device = 2, both = 3 }

-- Let the device reach a span; direction "to_device", "from_device" or "both" (the default). A page.
function Driver:dma_map(span, direction)
  local dev, d = device(self, "dma_map"), directions[direction or "both"]
  if not memory.is_span(span) then blame("dma_map wants a span, as from buffer(4096); not a %s", type(span)) end
  if not d then
    blame("direction %q; right would be to_device, from_device or both", tostring(direction))
  end
  local bus = C.mb_dma_map(dev.ctx.ptr, span.ptr, span.len, d)
  if bus == 0 then return nil, "the device's address bits do not reach that much memory" end
  local mapped = page(span, bus)
  rawset(mapped, "keep", span)
  return mapped
end

-- End a mapping, or free what dma_alloc gave. true, or nil if there is none.
function Driver:dma_unmap(what)
  local bus = type(what) == "table" and what.bus or what
  local dev = device(self, "dma_unmap")
  if type(bus) ~= "number" then blame("dma_unmap wants a page, or its bus address; not %s", tostring(what)) end
  if C.mb_dma_unmap(dev.ctx.ptr, bus) == 0 then return true end
  return nil, ("nothing is mapped at bus address %s"):format(numbers.hex(bus))
end

-- ---- time and interrupts ------------------------------------------------------------------------------------

local function check_time(name, ns)
  if type(ns) ~= "number" or ns ~= ns or ns < 0 then
    blame("%s: the time is %s; right would be a time in ns, as in 1*ms", name,
      type(ns) == "string" and ("%q"):format(ns) or tostring(ns))
  end
end

-- Move a stepped clock on by ns; events that fall due run.
function Driver:step(ns)
  local dev = device(self, "step")
  check_time("step", ns)
  if dev.bus ~= "sim:stepped" then
    blame("%s is on %s, whose clock runs by itself; only sim:stepped is stepped", dev.name,
      tostring(dev.bus))
  end
  dev.core:step(ns)
end

-- Let the device do what is due now.
function Driver:serve() device(self, "serve").core:serve() end

-- How many interrupts came on vector since last asked (INTx: 1 while the line is up).
function Driver:irq_take(vector)
  local dev = device(self, "irq_take")
  return C.mb_irq_take(dev.ctx.ptr, check_number("irq_take", "vector", vector or 0, 0, 2 ^ 32 - 1))
end

-- Go on by at most ns, or to the next event.
local function advance(dev, left)
  local due = tonumber(C.mb_next_due(dev.ctx.ptr))
  if dev.bus == "sim:stepped" then
    local ns = math.min(left, due)
    dev.core:step(ns)
    return ns
  end
  local before = tonumber(C.mb_now(dev.ctx.ptr))
  if due > 2e4 then C.usleep(math.min(due, left, 1e6) / 1e3) end
  dev.core:serve()
  return tonumber(C.mb_now(dev.ctx.ptr)) - before
end

local function time_text(ns)
  for _, unit in ipairs { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } } do
    if ns >= unit[1] then return ("%g %s"):format(ns / unit[1], unit[2]) end
  end
  return ("%g ns"):format(ns)
end

-- Wait until done() is true, at most ns (default 1 s) on the session's clock. What done() returned; or nil
-- and why not.
function Driver:wait(done, ns)
  local dev, left = device(self, "wait"), ns or 1e9
  if type(done) ~= "function" or type(left) ~= "number" then
    blame("wait(%s, %s); right would be d:wait(function() return d.status.done == 1 end, 1*s)", tostring(done),
      tostring(ns))
  end
  while true do
    local result = done()
    if result then return result end
    if left <= 0 then return nil, ("it did not happen within %s"):format(time_text(ns or 1e9)) end
    left = left - math.max(advance(dev, left), 1)
  end
end

-- What a driver's author may have forgotten, when no interrupt came.
local function why_none(self, vector)
  local dev = device_of[self]
  local mode = lib.irq_modes[tonumber(C.mb_irq_mode(dev.ctx.ptr))]
  local kinds = {}
  for _, c in ipairs(dev.ctx.def.caps) do
    if c.kind == "msi" or c.kind == "msix" then kinds[#kinds + 1] = ("d:enable %q"):format(c.kind) end
  end
  if mode == "none" then
    return "; the driver has enabled none: " .. (#kinds > 0 and table.concat(kinds, " or ") or "d:enable \"intx\"")
  end
  if mode == "intx" and vector > 0 then
    return "; INTx is enabled, which has no vector but 0" .. (#kinds > 0 and ": " .. table.concat(kinds, " or ") or "")
  end
  return ""
end

-- Wait for an interrupt on vector (default 0). How many came; or nil and why not.
function Driver:wait_irq(vector, ns)
  vector = vector or 0
  local vectors = device(self, "wait_irq").ctx.def.vectors
  if vectors == 0 then
    blame("wait_irq: the device has no interrupt; right would be intx = true or msi = 1 in device { … }")
  end
  check_number("wait_irq", "vector", vector, 0, vectors - 1)
  if ns ~= nil then check_time("wait_irq", ns) end
  local n = Driver.wait(self, function()
    local came = Driver.irq_take(self, vector)
    return came > 0 and came or nil
  end, ns)
  if n then return n end
  return nil, ("no interrupt on vector %d within %s%s"):format(vector, time_text(ns or 1e9), why_none(self, vector))
end

local resets = { cold = 0, flr = 1, d0 = 2, bus = 3 }

-- Reset the device: "flr" (the default), "bus", "d0" (back from D3hot), or "cold": power off and on, the only
-- one that sticky bits do not survive. What was set up in configuration space stays, as it does for a Linux
-- driver, which has it saved and restored.
function Driver:reset(kind)
  local n = resets[kind or "flr"]
  if not n then blame("reset %q; right would be flr, bus, d0 or cold", tostring(kind)) end
  local ok, why = device(self, "reset").core:bus_reset(n)
  if not ok then blame("%s", why) end
end

-- ---- the object ---------------------------------------------------------------------------------------------

local function no_register(dev, name)
  local group = dev.ctx.def.groups[name]
  if group then
    blame("%s is a group of registers; right would be %s%s.%s = …", name, name, group.is_array and "[0]" or "",
      group.order[1] and group.order[1].member or "name")
  end
  local known = map.names(dev.ctx.def)
  for method in pairs(Driver) do
    if mistakes_of.nearest(tostring(name), known) == nil then known[#known + 1] = method end
  end
  blame("%s has no register '%s'%s", dev.name, tostring(name), mistakes_of.hint(tostring(name), known))
end

local function group_element(self, group, i)
  local function member(name)
    return group.members[name] or blame("%s has no register '%s'%s", group.name, tostring(name),
      mistakes_of.hint(tostring(name), group.members))
  end
  return setmetatable({}, {
    __index = function(_, name)
      local reg = member(name)
      if not reg.inner then return get(self, reg, i) end
      return array_of(self, reg, i * reg.inner, reg.inner, reg.name)
    end,
    __newindex = function(_, name, v)
      local reg = member(name)
      if reg.inner then
        blame("%s is an array; right would be %s = …", reg.name, map.element_name(reg, i * reg.inner))
      end
      set(self, reg, i, v)
    end,
  })
end

local function group_of(self, group)
  if not group.is_array then return group_element(self, group, 0) end
  return setmetatable({}, {
    __index = function(_, i)
      check_index(group.name, group.count, i)
      return group_element(self, group, i)
    end,
    __newindex = function()
      blame("%s[0] is a group of registers; right would be %s[0].%s = …", group.name, group.name,
        group.order[1] and group.order[1].member or "name")
    end,
  })
end

local meta = {}

-- Registers first: their names are the datasheet's. A method that one hides is still driver.method(d, …).
function meta.__index(self, name)
  local dev = device_of[self]
  local reg = dev.ctx.def.by_name[name]
  if not reg and Driver[name] and not dev.ctx.def.groups[name] then return Driver[name] end
  if not reg and dev.ctx.def.groups[name] then return group_of(self, dev.ctx.def.groups[name]) end
  if not reg then no_register(dev, name) end
  if reg.is_array then return array_of(self, reg, 0, reg.count, reg.name) end
  return get(self, reg, 0)
end

function meta.__newindex(self, name, v)
  local dev = device_of[self]
  local reg = dev.ctx.def.by_name[name]
  if not reg then
    no_register(dev, name)
  elseif reg.is_array then
    blame("%s is an array; right would be %s[0] = …", name, name)
  end
  set(self, reg, 0, v)
end

function meta.__tostring(self) return "the driver's side of " .. device_of[self].name end

M.methods = Driver

-- The device object that v is the driver's side of, or nil.
function M.device(v) return device_of[v] end

-- The driver's side of a device object that is on the simulated bus.
function M.of(dev)
  if not dev.driver_side then
    local self = setmetatable({}, meta)
    device_of[self], read_behaviours[self] = dev, {}
    dev.driver_side = self
  end
  return dev.driver_side
end

return M
