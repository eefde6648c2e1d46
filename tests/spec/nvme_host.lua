-- SPDX-License-Identifier: MIT
-- nvme_host.lua: a driver for nvme.lua in a page, for the specs: queues in memory, doorbells, completions.
--
-- Try it:  tests/spec/run tests/spec/nvme_spec.lua
local support = dofile "tests/spec/support.lua"
package.path = "./lua/devices/?.lua;" .. package.path

local assert = require "luassert"
local bit = require "bit"
local ffi = require "ffi"
local types = require "nvme.types"
local mb = support.mb
local band, rshift = bit.band, bit.rshift

local MiB = 2 ^ 20
local ALL = types.ALL
local u32p = ffi.typeof "uint32_t *"

local host = { support = support, types = types, u32p = u32p }
host.__index = host

-- A device with these options on a stepped clock, and its driver's side; nothing enabled yet.
function host.plug(options)
  options = options or {}
  options.size = options.size or 16 * MiB
  local dev, mistakes = mb.load("lua/devices/nvme.lua", options)
  assert(dev, mistakes and mb.mistakes_text(mistakes))
  assert(dev:attach "sim:stepped")
  assert(dev:start())
  local d = mb.driver(dev)
  d:config_write(0x04, 2, 0x06)         -- memory and bus master
  return setmetatable({ dev = dev, d = d, queues = {}, vectors = true }, host)
end

function host:queue(id, entries)
  local q = { id = id, size = entries, tail = 0, head = 0, phase = 1 }
  q.sq, q.cq = assert(self.d:dma_alloc(entries * 64)), assert(self.d:dma_alloc(entries * 16))
  q.sqe, q.cqe = ffi.cast(types.sqe_ptr, q.sq.ptr), ffi.cast(types.cqe_ptr, q.cq.ptr)
  self.queues[id] = q
  return q
end

function host:enable(entries)
  entries = entries or 32
  local a = self:queue(0, entries)
  self.d.aqa = { asqs = entries - 1, acqs = entries - 1 }
  self.d.asq, self.d.acq = a.sq.bus, a.cq.bus
  self.d.cc = { en = 1, iosqes = 6, iocqes = 4 }
  assert.equal(1, self.d.csts.rdy)
  return self
end

-- Puts a command into a queue; its identifier.
local next_cid = 0
function host:push(q, command)
  local e = q.sqe[q.tail]
  ffi.fill(e, 64)
  next_cid = (next_cid + 1) % 0x10000
  e.cid = next_cid
  for name, v in pairs(command) do e[name] = v end
  q.tail = (q.tail + 1) % q.size
  return e.cid
end

function host:ring(q) self.d:write("sq_tail", q.tail, q.id) end

-- The next completion of a queue, or nil. @quiet: leave the head doorbell alone.
function host:reap(q, quiet)
  local e = q.cqe[q.head]
  if band(e.status, 1) ~= q.phase then return nil end
  local r = { code = band(rshift(e.status, 1), 0x7ff), status = rshift(e.status, 1), result = e.result, cid = e.cid,
    sq_head = e.sq_head, sq_id = e.sq_id }
  q.head = q.head + 1
  if q.head == q.size then q.head, q.phase = 0, 1 - q.phase end
  if not quiet then self.d:write("cq_head", q.head, q.id) end
  return r
end

-- One command from doorbell to completion: status code, result, and the whole completion.
function host:run(q, command)
  local cid = self:push(q, command)
  self:ring(q)
  local r = assert(self:reap(q), "no completion")
  assert.equal(cid, r.cid)
  return r.code, r.result, r
end

function host:admin(command) return self:run(self.queues[0], command) end

-- An I/O queue pair of the same number, with its own vector under MSI-X.
function host:io_queue(id, entries)
  local q = self:queue(id, entries)
  local v = self.vectors and id or 0
  assert.equal(0, (self:admin { opcode = 0x05, cdw10 = id + (entries - 1) * 0x10000, cdw11 = v * 0x10000 + 3,
    prp1 = q.cq.bus }))
  assert.equal(0, (self:admin { opcode = 0x01, cdw10 = id + (entries - 1) * 0x10000, cdw11 = id * 0x10000 + 1,
    prp1 = q.sq.bus }))
  return q
end

function host:identify(cns, nsid, kind)
  local page = assert(self.d:dma_alloc(4096))
  local code = self:admin { opcode = 0x06, nsid = nsid or 0, cdw10 = cns, prp1 = page.bus }
  return code, kind and ffi.cast(kind, page.ptr) or page, page
end

function host:log(id, bytes, kind, more)
  local page = assert(self.d:dma_alloc(4096))
  local command = { opcode = 0x02, nsid = ALL, cdw10 = id + (bytes / 4 - 1) * 0x10000, prp1 = page.bus }
  for name, v in pairs(more or {}) do command[name] = v end
  local code = self:admin(command)
  return code, kind and ffi.cast(kind, page.ptr) or page, page
end

function host:smart()
  local code, smart, page = self:log(2, 512, types.smart_ptr)
  assert.equal(0, code)
  return smart, page
end

-- A controller that is enabled, with MSI-X and one I/O queue pair.
function host.ready(options, entries)
  local h = host.plug(options)
  if (options or {}).interrupt == nil then assert(h.d:enable "msix") else h.vectors = false end
  h:enable()
  h.io = h:io_queue(1, entries or 64)
  return h
end

function host.fill(span, seed)
  local p, n = ffi.cast(u32p, span.ptr), tonumber(span.len) / 4
  for i = 0, n - 1 do p[i] = i * 2654435761 + seed * 40503 end
end

function host.equal_bytes(want, got, len)
  assert.is_true(ffi.string(want, len) == ffi.string(got, len))
end

function host.rw(opcode, lba, blocks, prp1, prp2, more)
  local command = { opcode = opcode, nsid = 1, cdw10 = lba % 2 ^ 32, cdw11 = math.floor(lba / 2 ^ 32),
    cdw12 = blocks - 1, prp1 = prp1, prp2 = prp2 or 0 }
  for name, v in pairs(more or {}) do command[name] = v end
  return command
end

return host
