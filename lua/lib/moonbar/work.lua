-- SPDX-License-Identifier: MIT
-- work.lua: code of a device that waits in its middle. A transfer that on.dma gives a time suspends the event,
-- doorbell or write hook that asked for it; it goes on from there when that time is over on the session's clock,
-- and the device does other things meanwhile. Only devices with on.dma pay for it.
--
-- Try it:  tests/spec/run tests/spec/dma_spec.lua
local mistakes_of = require "moonbar.mistakes"
local blame = mistakes_of.blame

local M = {}

-- A worker runs one piece of code after another, each in a coroutine that is kept for the next.
--   label:   what runs, for messages          waiting: it is suspended now
--   waited:  it has been suspended once, so that nobody waits for what it returns
--   hook:    the function
--   words:   the value in its hand (model.snapshot), which other calls of the same hook use too
local DONE, WAIT = {}, {}

local function body(f, ...)
  return body(coroutine.yield(DONE, f(...)))
end

local function late_answer(hook)
  local place = debug.getinfo(hook, "S")
  error(("%s:%d: the hook returned a value after its DMA had taken time, and the driver's write was done before; right "
    .. "would be dev.register = value"):format(place.short_src, place.linedefined), 0)
end

function M.attach(ctx)
  local idle, nidle = {}, 0
  local current                         -- the worker that runs

  -- Go on with a worker; what its code returned, or nil if it is suspended (again) or was once.
  local function resume(worker, ...)
    local outer = current
    current = worker
    local ok, what, v = coroutine.resume(worker.co, ...)
    current = outer
    if not ok then error(debug.traceback(worker.co, what), 0) end
    if what == WAIT then
      worker.waiting, worker.waited = true, true
      ctx.later(v, worker)
      return nil
    end
    nidle = nidle + 1
    idle[nidle] = worker
    if worker.waited and v ~= nil then late_answer(worker.hook) end
    return v
  end

  -- f(a, b, c, d, e), which may wait. @words: the storage of a view among its arguments, or nil.
  function ctx.work(label, words, f, a, b, c, d, e)
    local worker
    if nidle > 0 then worker, idle[nidle], nidle = idle[nidle], nil, nidle - 1
    else worker = { co = coroutine.create(body) } end
    worker.label, worker.words, worker.hook, worker.waiting, worker.waited = label, words, f, false, false
    return resume(worker, f, a, b, c, d, e)
  end

  -- A suspended worker's time has come (events.lua).
  function ctx.go_on(worker)
    worker.waiting = false
    ctx.resumed = worker.label
    resume(worker)
    ctx.resumed = nil
  end

  -- Suspend the code that runs for ns of the session's clock. @what: for the message if it cannot be. Returns the
  -- worker, whose .waiting is true until it goes on or is forgotten.
  function ctx.wait(ns, what)
    local worker = current
    if not worker or coroutine.running() ~= worker.co then
      blame("%s takes time, as on.dma says, and this code cannot wait: a driver waits for it. Right would be to start "
        .. "it from an event: after(0, \"name\")", what)
    end
    local words = worker.words
    local saved = words and words[0]
    coroutine.yield(WAIT, ns)
    if words then words[0] = saved end
  end

  function ctx.worker() return current end
end

return M
