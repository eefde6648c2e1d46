-- SPDX-License-Identifier: MIT
--
-- nvme/queue.lua: submission and completion queues (NVMe 1.4 §4.1, §7.2) and their
-- interrupts (§7.5). One doorbell costs two DMA calls, however many commands wait:
-- one reads their entries, one moves all their data, writes the completions and
-- raises the vector (PRP lists cost a third).
--
-- A command set is a table: opcode → function(slot, sqe, sq) returning a status, or HOLD
-- for a command that completes later.
--
-- Try it:  tests/spec/run tests/spec/nvme_spec.lua

local bit = require "bit"
local types = require "nvme.types"
local new_prp = require "nvme.prp"
local S = types.status
local band, bnot, lshift = bit.band, bit.bnot, bit.lshift

local BATCH = 64        -- commands carried out together, at most

return function(ctl)
  local live = ctl.live
  local queue = { HOLD = -1, sq = live.sq, cq = live.cq }
  local sqes, cqes = types.sqe_array(BATCH), types.cqe_array(BATCH)
  local prp = new_prp(sqes, BATCH)
  prp.set_page(live.page_shift)
  local slots, list, state = prp.slots, prp.list, prp.state
  queue.prp, queue.slots = prp, slots

  -- ---- interrupts -----------------------------------------------------------------

  local function masked(vector)
    return live.irq ~= "msix" and band(ctl.dev.intms, lshift(1, vector)) ~= 0
  end

  local function pending(vector)
    for id = 0, ctl.queues do
      local cq = queue.cq[id]
      if cq and cq.ring.vector == vector and cq.interrupts and cq.ring.head ~= cq.ring.tail then return true end
    end
    return false
  end

  -- The INTx level of a vector: entries wait in one of its queues, and INTMS lets them speak (§7.5.1).
  local function follow(vector)
    if live.irq == "intx" then level(vector, pending(vector) and not masked(vector)) end
  end

  -- The driver wrote INTMS or INTMC: lines and messages that were held back may speak now.
  function queue.masks_changed()
    local opened = band(live.masks, bnot(ctl.dev.intms))
    live.masks = ctl.dev.intms
    for vector = 0, live.irq == "msix" and -1 or ctl.queues do
      follow(vector)
      if live.irq == "msi" and band(opened, lshift(1, vector)) ~= 0 and pending(vector) then
        raise(vector)
      end
    end
  end

  -- ---- completions ------------------------------------------------------------------

  -- Completion of slot i, which is number i behind the queue's tail.
  local function write_completion(sq, ring, i)
    local e, s, at = cqes[i], slots[i], ring.tail + i
    e.result, e.sq_head, e.sq_id, e.cid = s.result, sq.ring.head, sq.ring.id, sqes[i].cid
    e.status = s.status * 2 + (at < ring.size and ring.phase or 1 - ring.phase)
  end

  -- n completions go behind what is on the list, then the vector.
  local function send(cq, ring, n)
    local first = math.min(n, ring.size - ring.tail)
    list:write(ring.base + ring.tail * 16, cqes, first * 16)
    if n > first then list:write(ring.base, cqes + first, (n - first) * 16) end
    local done
    if cq.interrupts and live.irq ~= "intx" and not masked(ring.vector) then
      done = list:go(ring.vector)
    else
      done = list:go()
    end
    if not done then return false end
    ring.tail = ring.tail + n
    if ring.tail >= ring.size then ring.tail, ring.phase = ring.tail - ring.size, 1 - ring.phase end
    if live.irq == "intx" then follow(ring.vector) end
    return true
  end

  local function write_completions(sq, n)
    local ring = sq.cq.ring
    if n == 1 then
      write_completion(sq, ring, 0)
    else
      for i = 0, n - 1 do write_completion(sq, ring, i) end
    end
    return (send(sq.cq, ring, n))
  end

  -- Commands that failed since they were begun.
  local function note_failures(sq, n)
    for i = 0, n - 1 do
      local s = slots[i]
      if s.status ~= 0 and band(s.status, types.MORE) == 0 then ctl.health.failed(sq.ring.id, sqes[i], s) end
    end
    state.bad = 0
  end

  local function complete(sq, n)
    local whole = prp.gather(n)
    if state.bad > 0 then note_failures(sq, n) end
    if whole and write_completions(sq, n) then return end
    prp.one_by_one(n)                   -- only the commands at fault fail
    note_failures(sq, n)
    if not write_completions(sq, n) then ctl.fatal("a completion cannot be written") end
  end

  -- How many completions a queue has room for.
  local function room(ring)
    local n = ring.head - ring.tail - 1
    return n < 0 and n + ring.size or n
  end

  -- Completes a held command, outside a batch. False if its completion queue is full.
  function queue.complete_held(sq, cid, status, result)
    if room(sq.cq.ring) == 0 then return false end
    local s = slots[0]
    s.status, s.result, s.len, sqes[0].cid = status, result, 0, cid
    list:clear()
    if not write_completions(sq, 1) then ctl.fatal("a completion cannot be written") end
    return true
  end

  -- ---- submissions ----------------------------------------------------------------------

  local function fetch(ring, n)
    local first = math.min(n, ring.size - ring.head)
    list:clear()
    list:read(ring.base + ring.head * 64, sqes, first * 64)
    if n > first then list:read(ring.base, sqes + first, (n - first) * 64) end
    if not list:go() then return false end
    ring.head = ring.head + n
    if ring.head >= ring.size then ring.head = ring.head - ring.size end
    prp.begin()
    return true
  end

  local function run(sq, c, i)
    if band(c.flags, 0xc3) ~= 0 then return S.invalid_field end         -- fused, or an SGL
    local commands = sq.ring.id == 0 and ctl.admin or ctl.io
    local command = commands[c.opcode]
    if not command then return S.invalid_opcode end
    return (command(i, c, sq))
  end

  local function begin(sq, i)
    local c, s = sqes[i], slots[i]
    s.len, s.entries, s.have, s.status, s.result = 0, 0, 0, 0, 0
    local status = run(sq, c, i)
    if status > 0 then
      s.status, s.len = status, 0
      ctl.health.failed(sq.ring.id, c, s)
    end
    return status
  end

  -- How many commands wait in a queue.
  local function waiting(ring)
    local n = ring.tail - ring.head
    return n < 0 and n + ring.size or n
  end

  -- Carries out the next commands of sq that its completion queue has room for. True if more wait.
  local function serve_batch(sq)
    local ring, cq = sq.ring, sq.cq
    local there, space = waiting(ring), room(cq.ring)
    local n = math.min(there, space, sq.batch)
    cq.full = there > 0 and space == 0
    if n == 0 or not live.ready then return false end
    if not fetch(ring, n) then
      ctl.fatal("a submission queue cannot be read")
      return false
    end
    if n == 1 then
      if begin(sq, 0) ~= queue.HOLD then complete(sq, 1) end
    else
      for i = 0, n - 1 do begin(sq, i) end              -- none holds: the admin queue's batch is 1
      complete(sq, n)
    end
    return n < there
  end

  local function serve(sq)
    if serve_batch(sq) then
      while serve_batch(sq) do end                      -- luacheck: ignore 542
    end
  end

  -- ---- doorbells (§3.1.16, §3.1.17) ---------------------------------------------------------

  function queue.ring_sq(id, tail)
    local sq = queue.sq[id]
    if not sq then return ctl.health.bad_doorbell(0, "submission queue %d does not exist", id) end
    if tail >= sq.ring.size then
      return ctl.health.bad_doorbell(1, "tail %d of submission queue %d, which has %d entries", tail, id,
        sq.ring.size)
    end
    sq.ring.tail = tail
    serve(sq)
    if live.waiting then ctl.health.report() end
  end

  -- The completion queue has room again: whoever waited for it goes on.
  local function resume(cq)
    for id = 0, ctl.queues do
      local sq = queue.sq[id]
      if sq and sq.cq == cq then serve(sq) end
    end
  end

  -- Is head where the driver can be: between where it was and the tail?
  local function plausible(ring, head)
    if head >= ring.size then return false end
    local taken, there = head - ring.head, ring.tail - ring.head
    if taken < 0 then taken = taken + ring.size end
    if there < 0 then there = there + ring.size end
    return taken <= there
  end

  function queue.ring_cq(id, head)
    local cq = queue.cq[id]
    if not cq then return ctl.health.bad_doorbell(0, "completion queue %d does not exist", id) end
    if not plausible(cq.ring, head) then
      return ctl.health.bad_doorbell(1, "head %d of completion queue %d, which is past its last entry", head, id)
    end
    cq.ring.head = head
    if live.irq == "intx" then follow(cq.ring.vector) end
    if cq.full then resume(cq) end
    if id == 0 or live.waiting then ctl.health.report() end
  end

  -- ---- creating and deleting (§5.3 to §5.6) ---------------------------------------------------

  -- The caller has checked everything. base: bus address; size: entries.
  function queue.add_cq(id, base, size, vector, interrupts)
    queue.cq[id] = { ring = types.ring(base, id, size, 0, 0, 1, vector), interrupts = interrupts,
                     full = false, users = 0 }
  end

  -- batch: commands carried out together, at most.
  function queue.add_sq(id, base, size, cq, batch)
    queue.sq[id] = { ring = types.ring(base, id, size), cq = cq, batch = batch or BATCH }
    cq.users = cq.users + 1
  end

  function queue.remove_sq(id)
    local sq = queue.sq[id]
    sq.cq.users = sq.cq.users - 1
    queue.sq[id] = nil
  end

  function queue.remove_cq(id)
    local vector = queue.cq[id].ring.vector
    queue.cq[id] = nil
    follow(vector)
  end

  -- Controller reset: no queue is left, no line held.
  function queue.reset()
    for id = 0, ctl.queues do queue.sq[id], queue.cq[id] = nil, nil end
    live.masks = 0
    for vector = 0, ctl.queues do follow(vector) end
  end

  return queue
end
