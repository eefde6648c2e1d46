-- SPDX-License-Identifier: MIT
-- events.lua: what a device does later. after(ns, "event", …) names a function in `event`, so pending
-- events are plain data: a snapshot, a replay and a reload keep them. The clock is the session's: a test
-- steps it, a live session follows the wall.
--
-- Try it:  busted tests/spec/events_spec.lua
local lib = require "moonbar.lib"
local mistakes_of = require "moonbar.mistakes"
local numbers = require "moonbar.numbers"
local blame = mistakes_of.blame
local C = lib.C

local M = {}

local function check_plain(v, i, depth)
  local kind = type(v)
  if kind == "nil" or kind == "number" or kind == "string" or kind == "boolean" or numbers.is_u64(v) then
    return
  end
  if kind == "table" and not getmetatable(v) and depth < 4 then
    for k, x in pairs(v) do
      check_plain(k, i, depth + 1)
      check_plain(x, i, depth + 1)
    end
    return
  end
  blame("after: argument %d is a %s; pending events are data: numbers, strings, booleans and tables "
    .. "of them (for a register with fields, give its .value)", i, kind)
end

local function check(ctx, ns, name, a, b, c, d)
  if type(ns) ~= "number" or ns ~= ns or ns < 0 then
    blame("after(%s, …): right would be a time in ns from 0 on, as in 1*ms", tostring(ns))
  end
  if type(name) ~= "string" then
    blame("after(%s, %s): what happens later has a name; right would be function event.done(dev) … end and "
      .. "after(1*ms, \"done\")", tostring(ns), name == nil and "nothing" or "a " .. type(name))
  end
  if not ctx.events[name] then
    blame("after: there is no event %q%s; right would be function event.%s(dev) … end", tostring(name),
      mistakes_of.hint(tostring(name), ctx.events), tostring(name))
  end
  if a ~= nil then check_plain(a, 1, 0) end
  if b ~= nil then check_plain(b, 2, 0) end
  if c ~= nil then check_plain(c, 3, 0) end
  if d ~= nil then check_plain(d, 4, 0) end
end

-- The words after, cancel and now for a device.
function M.words(ctx)
  local pending = ctx.pending           -- id → record
  local free, nfree = {}, 0             -- records to use again
  local next_id = 0

  -- A record that falls due in ns.
  local function schedule(ns)
    local record
    if nfree > 0 then record, free[nfree], nfree = free[nfree], nil, nfree - 1 else record = {} end
    repeat next_id = (next_id + 1) % 0x80000000 until not pending[next_id]
    pending[next_id] = record
    if C.mb_after(ctx.ptr, ns, next_id) ~= 0 then
      pending[next_id] = nil
      blame("after: no memory for one more event")
    end
    return record, next_id
  end

  -- Call event[name](dev, a, b, c, d) in ns from now. Returns a handle for cancel().
  local function after(ns, name, a, b, c, d, ...)
    if not ctx.ptr then return mistakes_of.too_early(ctx, "after") end
    if select("#", ...) > 0 then blame("after takes at most four arguments; put more into a table") end
    check(ctx, ns, name, a, b, c, d)
    local record, id = schedule(ns)
    record.name, record.a, record.b, record.c, record.d = name, a, b, c, d
    return id
  end

  -- Let a worker (work.lua) go on in ns.
  function ctx.later(ns, worker) schedule(ns).worker = worker end

  local function forget(id)
    local worker = pending[id].worker
    if worker then worker.waiting = false end
    pending[id] = nil
    C.mb_cancel(ctx.ptr, id)
  end

  -- cancel(handle) or cancel "event": forget what is pending. How many that were.
  local function cancel(what)
    if type(what) == "number" then
      if not pending[what] then return 0 end
      forget(what)
      return 1
    end
    local n = 0
    for id, record in pairs(pending) do
      if what == nil or record.name == what then
        forget(id)
        n = n + 1
      end
    end
    return n
  end

  -- A timer fell due (from the door).
  function ctx.fire(id)
    local record = pending[id]
    if not record then return end
    pending[id] = nil
    local name, a, b, c, d, worker = record.name, record.a, record.b, record.c, record.d, record.worker
    nfree = nfree + 1
    free[nfree] = record
    record.name, record.a, record.b, record.c, record.d, record.worker = nil, nil, nil, nil, nil, nil
    if worker then return ctx.go_on(worker) end
    local f = ctx.events[name]
    if not f then
      ctx.log_once("event " .. name, "event %q fell due, but a reload took it away", name)
      return
    end
    ctx.running = name
    if ctx.on.dma then ctx.work("event " .. name, nil, f, ctx.model, a, b, c, d)
    else f(ctx.model, a, b, c, d) end
    ctx.running = nil
  end

  ctx.cancel_all = function() return cancel(nil) end
  return {
    after = after,
    cancel = function(what)
      if not ctx.ptr then return mistakes_of.too_early(ctx, "cancel") end
      if what == nil then blame("cancel wants the handle that after() returned, or an event's name") end
      return cancel(what)
    end,
    -- ns of the session's clock
    now = function() return ctx.ptr and tonumber(C.mb_now(ctx.ptr)) or 0 end,
  }
end

return M
