-- SPDX-License-Identifier: MIT
-- caps_extended.lua: capabilities from 0x100 on, as bytes: which they are, which a driver may write, and which a
-- written 1 clears. What the bits do is the device's: rows of config { … } may stand on a capability's bytes.
--
-- Try it:  tests/spec/run tests/spec/config_spec.lua
local bit = require "bit"
local numbers = require "moonbar.numbers"

local M = {}

-- Options of each builder: their type, or { least, most } of a whole number.
M.options = {
  aer = {},
  serial = { number = { 0, 2 ^ 64 } },
  ltr = { snoop = { 0, 0x1fff }, no_snoop = { 0, 0x1fff } },
  vsec = { id = { 0, 0xffff }, rev = { 0, 15 }, bytes = "string or table", wmask = "string or table" },
  dvsec = { vendor = { 0, 0xffff }, id = { 0, 0xffff }, rev = { 0, 15 }, bytes = "string or table",
    wmask = "string or table" },
  extended = { id = { 1, 0xffff }, version = { 0, 15 }, bytes = "string or table", wmask = "string or table",
    w1c = "string or table" },
}

-- What must be given.
M.needs = { serial = "number = 0x0123456789abcdefULL", vsec = "id = 1", dvsec = "vendor = 0x1234, id = 1",
  extended = "id = 0x1234" }

local function words(size, list)
  local bytes = {}
  for _, v in ipairs(list) do
    v = numbers.u64(v)
    for i = 0, size - 1 do bytes[#bytes + 1] = tonumber(bit.band(bit.rshift(v, 8 * i), 0xffULL)) end
  end
  return bytes
end

local function join(...)
  local all = {}
  for _, list in ipairs { ... } do
    for _, b in ipairs(list) do all[#all + 1] = b end
  end
  return all
end

local function zeroes(n)
  local list = {}
  for i = 1, n do list[i] = 0 end
  return list
end

-- Each gives identifier, version, bytes, writable bits and W1C bits of what follows the header.
M.build = {
  -- PCIe 6.0 §7.8.4, of an endpoint: status, mask and severity of uncorrectable errors, status and mask of correctable
  -- ones, control, header log. Bits for what a device without optional parts can detect.
  aer = function()
    local uncorrectable, correctable = 0x005ff030, 0xf1c1
    local log = { 0, 0, 0, 0, 0 }
    return 0x0001, 2, words(4, { 0, 0x00400000, 0x00462030, 0, 0xe000, unpack(log) }),
      words(4, { 0, uncorrectable, uncorrectable, 0, correctable, unpack(log) }),
      words(4, { uncorrectable, 0, 0, correctable, 0, unpack(log) })
  end,
  -- §7.9.3
  serial = function(t) return 0x0003, 1, words(8, { t.number }), {}, {} end,
  -- §7.8.2: the longest latencies, which the system's software fills in
  ltr = function(t) return 0x0018, 1, words(2, { t.snoop or 0, t.no_snoop or 0 }), words(2, { 0x1fff, 0x1fff }), {} end,
  -- §7.9.5: its length is that of the whole
  vsec = function(t)
    local head = t.id + (t.rev or 0) * 2 ^ 16 + (8 + #t.bytes) * 2 ^ 20
    return 0x000b, 1, join(words(4, { head }), t.bytes), join(zeroes(4), t.wmask), {}
  end,
  -- §7.9.6
  dvsec = function(t)
    local head = t.vendor + (t.rev or 0) * 2 ^ 16 + (10 + #t.bytes) * 2 ^ 20
    return 0x0023, 1, join(words(4, { head }), words(2, { t.id }), t.bytes), join(zeroes(6), t.wmask), {}
  end,
  extended = function(t) return t.id, t.version or 1, t.bytes, t.wmask, t.w1c end,
}

M.most_bytes = 192

return M
