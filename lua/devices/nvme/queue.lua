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
-- Try it:  busted tests/spec/nvme_spec.lua

local types = require "nvme.types"
local new_prp = require "nvme.prp"
local S = types.status

local BATCH = 64        -- commands carried out together, at most

return function(ctl)
  local queue = { HOLD = -1, sq = {}, cq = {} }
  local sqes, cqes = types.sqe_array(BATCH), types.cqe_array(BATCH)
  local prp = new_prp(ctl, sqes, BATCH)
  local slots, list = prp.slots, prp.list
  queue.prp, queue.slots = prp, slots

  -- ---- interrupts -----------------------------------------------------------------

  local function masked(vector)
    return ctl.irq ~= "msix" and band(ctl.dev.intms, lshift(1, vector)) ~= 0
  end

  local function pending(vector)
    for id = 0, ctl.queues do
      local cq = queue.cq[id]
      if cq and cq.vector == vector and cq.interrupts and cq.head ~= cq.tail then return true end
    end
    return false
  end

  -- The INTx level of a vector: entries wait in one of its queues, and INTMS lets them speak (§7.5.1).
  local function follow(vector)
    if ctl.irq == "intx" then level(vector, pending(vector) and not masked(vector)) end
  end

  -- The driver wrote INTMS or INTMC: lines and messages that were held back may speak now.
  local masks = 0
  function queue.masks_changed()
    local opened = band(masks, bnot(ctl.dev.intms))
    masks = ctl.dev.intms
    for vector = 0, ctl.irq == "msix" and -1 or ctl.queues do
      follow(vector)
      if ctl.irq == "msi" and band(opened, lshift(1, vector)) ~= 0 and pending(vector) then
        raise(vector)
      end
    end
  end

  -- ---- completions ------------------------------------------------------------------

  -- Completions of slots 0 .. n-1 go behind what is on the list, then the vector.
  local function write_completions(sq, n)
    local cq = sq.cq
    local tail, phase = cq.tail, cq.phase
    for i = 0, n - 1 do
      local e, s = cqes[i], slots[i]
      e.result, e.sq_head, e.sq_id, e.cid = s.result, sq.head, sq.id, sqes[i].cid
      e.status = s.status * 2 + phase
      tail = tail + 1
      if tail == cq.size then tail, phase = 0, 1 - phase end
    end
    local first = math.min(n, cq.size - cq.tail)
    list:write(cq.base + cq.tail * 16, cqes, first * 16)
    if n > first then list:write(cq.base, cqes + first, (n - first) * 16) end
    local done
    if cq.interrupts and ctl.irq ~= "intx" and not masked(cq.vector) then
      done = list:go(cq.vector)
    else
      done = list:go()
    end
    if not done then return false end
    cq.tail, cq.phase = tail, phase
    if ctl.irq == "intx" then follow(cq.vector) end
    return true
  end

  local function note_failures(sq, n)
    for i = 0, n - 1 do
      local s = slots[i]
      if s.status ~= 0 and band(s.status, types.MORE) == 0 then ctl.health.failed(sq, sqes[i], s) end
    end
  end

  local function complete(sq, n)
    local whole = prp.gather(n)
    note_failures(sq, n)
    if whole and write_completions(sq, n) then return end
    prp.one_by_one(n)                   -- only the commands at fault fail
    note_failures(sq, n)
    if not write_completions(sq, n) then ctl.fatal("a completion cannot be written") end
  end

  -- Completes a held command, outside a batch. False if its completion queue is full.
  function queue.complete_held(sq, cid, status, result)
    local cq = sq.cq
    if (cq.tail + 1) % cq.size == cq.head then return false end
    local s = slots[0]
    s.status, s.result, s.len, sqes[0].cid = status, result, 0, cid
    list:clear()
    if not write_completions(sq, 1) then ctl.fatal("a completion cannot be written") end
    return true
  end

  -- ---- submissions ----------------------------------------------------------------------

  local function fetch(sq, n)
    local first = math.min(n, sq.size - sq.head)
    list:clear()
    list:read(sq.base + sq.head * 64, sqes, first * 64)
    if n > first then list:read(sq.base, sqes + first, (n - first) * 64) end
    return list:go()
  end

  local function begin(sq, i)
    local c, s = sqes[i], slots[i]
    s.len, s.entries, s.have, s.status, s.result = 0, 0, 0, 0, 0
    if band(c.flags, 0xc3) ~= 0 then return S.invalid_field end    -- fused, or an SGL
    local run = sq.commands[c.opcode]
    if not run then return S.invalid_opcode end
    return run(i, c, sq)
  end

  -- Carries out what waits in sq, until it is empty or its completion queue full.
  local function serve(sq)
    local cq = sq.cq
    while ctl.ready do
      local waiting = (sq.tail - sq.head) % sq.size
      local room = (cq.head - cq.tail - 1) % cq.size
      local n = math.min(waiting, room, sq.batch)
      cq.full = waiting > 0 and room == 0
      if n == 0 then break end
      if not fetch(sq, n) then return ctl.fatal("a submission queue cannot be read") end
      sq.head = (sq.head + n) % sq.size
      local status = 0
      for i = 0, n - 1 do
        status = begin(sq, i)
        if status > 0 then slots[i].status, slots[i].len = status, 0 end
      end
      if status ~= queue.HOLD then complete(sq, n) end     -- only the admin queue holds, one at a time
    end
    if ctl.health.waiting then ctl.health.report() end
  end

  -- ---- doorbells (§3.1.16, §3.1.17) ---------------------------------------------------------

  function queue.ring_sq(id, tail)
    local sq = queue.sq[id]
    if not sq then return ctl.health.bad_doorbell(0, "submission queue %d does not exist", id) end
    if tail >= sq.size then
      return ctl.health.bad_doorbell(1, "tail %d of submission queue %d, which has %d entries", tail, id, sq.size)
    end
    sq.tail = tail
    serve(sq)
  end

  function queue.ring_cq(id, head)
    local cq = queue.cq[id]
    if not cq then return ctl.health.bad_doorbell(0, "completion queue %d does not exist", id) end
    if head >= cq.size or (head - cq.head) % cq.size > (cq.tail - cq.head) % cq.size then
      return ctl.health.bad_doorbell(1, "head %d of completion queue %d, which is past its last entry", head, id)
    end
    cq.head = head
    if ctl.irq == "intx" then follow(cq.vector) end
    if id == 0 then ctl.health.report() end
    if cq.full then
      for sq_id = 0, ctl.queues do
        local sq = queue.sq[sq_id]
        if sq and sq.cq == cq then serve(sq) end
      end
    end
  end

  -- ---- creating and deleting (§5.3 to §5.6) ---------------------------------------------------

  -- The caller has checked everything. base: bus address; size: entries.
  function queue.add_cq(id, base, size, vector, interrupts)
    queue.cq[id] = { id = id, base = base, size = size, vector = vector, interrupts = interrupts,
                     head = 0, tail = 0, phase = 1, full = false, users = 0 }
  end

  -- commands: its command set; batch: commands carried out together.
  function queue.add_sq(id, base, size, cq, commands, batch)
    queue.sq[id] = { id = id, base = base, size = size, cq = cq, commands = commands,
                     batch = batch or BATCH, head = 0, tail = 0 }
    cq.users = cq.users + 1
  end

  function queue.remove_sq(id)
    local sq = queue.sq[id]
    sq.cq.users = sq.cq.users - 1
    queue.sq[id] = nil
  end

  function queue.remove_cq(id)
    local vector = queue.cq[id].vector
    queue.cq[id] = nil
    follow(vector)
  end

  -- Controller reset: no queue is left, no line held.
  function queue.reset()
    for id = 0, ctl.queues do queue.sq[id], queue.cq[id] = nil, nil end
    masks = 0
    for vector = 0, ctl.queues do follow(vector) end
  end

  return queue
end
