-- SPDX-License-Identifier: MIT
-- dma.lua: what the device may reach and what it has transferred lately.
-- Try it:  printf 'd = driver "edu"\npage = d:dma_alloc(4096)\ndma\n' | ./moonbar run lua/devices/edu.lua

local ffi = require "ffi"
local lib = require "moonbar.lib"
local numbers = require "moonbar.numbers"
local C = lib.C

local M = {}

local directions = { "the device reads", "the device writes", "both ways" }

local function mappings(dev)
  local map, list, i = ffi.new "struct mb_dma_mapping[1]", {}, 0
  local ret = C.mb_dma_mapping(dev.ctx.ptr, 0, map)
  if ret < 0 then return nil end
  while ret > 0 do
    list[#list + 1] = { bus = tonumber(map[0].bus), size = tonumber(map[0].size), dir = map[0].dir }
    i = i + 1
    ret = C.mb_dma_mapping(dev.ctx.ptr, i, map)
  end
  table.sort(list, function(a, b) return a.bus < b.bus end)
  return list
end

local function show_mappings(prompt, dev)
  local list = mappings(dev)
  if not list then
    return prompt:print(string.format("%s  mappings: not told by %s", dev.name, dev.bus or "no bus"))
  end
  prompt:print(string.format("%s  %d mapping%s", dev.name, #list, #list == 1 and "" or "s"))
  for _, m in ipairs(list) do
    prompt:print(string.format("  0x%08x to 0x%08x  %-9s  %s", m.bus, m.bus + m.size - 1, numbers.size_text(m.size),
      directions[m.dir] or "?"))
  end
end

local function show_recent(prompt, dev)
  local room = 16
  local done, got = ffi.new("struct mb_dma_done[?]", room), ffi.new "uint32_t[1]"
  local total = tonumber(C.mb_dma_recent(dev.ctx.ptr, done, room, got))
  prompt:print(string.format("%s  %d transfer%s%s", dev.name, total, total == 1 and "" or "s",
    total > got[0] and string.format(", the last %d of them:", got[0]) or ""))
  for i = 0, got[0] - 1 do
    local p = done[i].piece
    prompt:print(string.format("  0x%08x  %-9s  %s  %s", tonumber(p.bus), numbers.size_text(p.length),
      p.flags == 2 and "device to driver" or "driver to device",
      done[i].why == 0 and "done" or "refused: " .. ffi.string(C.mb_dma_why_text(done[i].why))))
  end
end

function M.show(prompt, dev)
  show_mappings(prompt, dev)
  show_recent(prompt, dev)
end

return M
