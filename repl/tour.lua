-- SPDX-License-Identifier: MIT
-- tour.lua: edu shown to somebody who has just built Moonbar and has no terminal to type at.
--
-- Every line is typed at the real prompt, shown as typed, and its result compared with what is
-- right; the tour succeeds only if all were.
--
-- Try it:  ./moonbar run --tour lua/devices/edu.lua

local ffi = require "ffi"
local prompt_module = require "repl.prompt"

local M = {}

-- Each step: what it shows, and the lines typed; a line is { text, check }, where check is the
-- value it must give, or a function of (value, output, message) that says if it is right.
local steps = {
  {
    "The registers of edu, as its datasheet would list them",
    { "regs edu", function(_, output)
      return output:find "id" and output:find "0x010000ed" and output:find "liveness"
    end },
  },
  {
    "A driver writes a register and reads it back: the device answers the complement",
    { "edu.liveness:write(0x1234)" },
    { "edu.liveness:read()", 0xffffedcb },
  },
  {
    "A driver asks for 5!, and for an interrupt when it is there",
    { "edu.status:write(0x80)" },
    { "edu.factorial:write(5)" },
    { "edu.status.computing", 1 },
    { 'd = driver "edu"' },
    { "d:wait_irq(0, 1*s)", function(value) return value and value ~= 0 end },
    { "edu.factorial:read()", 120 },
    { "edu.irq_status", function(_, output) return output:find "fact%s+%[0%]%s+ro%s+0x1" end },
    { "edu.irq_ack:write(1)" },
    { "edu.irq_status:read()", 0 },
  },
  {
    "DMA: a page of the driver goes into the device's memory at 0x40000, and comes back",
    { "page = d:dma_alloc(4096)" },
    { 'page:set "moonlight through a BAR"' },
    { "d.dma_src, d.dma_dst, d.dma_cnt = page.bus, 0x40000, 24" },
    { "d.dma_cmd = 5   -- run, to the device, interrupt at the end" },
    { "d:wait_irq(0, 1*s)", function(value) return value and value ~= 0 end },
    { "d.irq_ack = 0x100" },
    { "d.dma_src, d.dma_dst = 0x40000, page.bus + 2048" },
    { "d.dma_cmd = 7   -- run, to RAM, interrupt at the end" },
    { "d:wait_irq(0, 1*s)", function(value) return value and value ~= 0 end },
    { "d.irq_ack = 0x100" },
    { "page:at(2048, 24):string()", "moonlight through a BAR\0" },
  },
  {
    "A mistake: the message names the thing, and the session goes on",
    { "edu.livness", fails = function(message) return message:find "liveness" end },
    { "edu.liveness:read()", 0xffffedcb },
  },
}

local function same(value, want)
  if ffi.istype("uint64_t", value) then value = tonumber(value) end
  return value == want
end

local function right(line, prompt, verdict, output)
  if line.fails then return verdict == "error" and line.fails(prompt.message) and true or false end
  if verdict ~= "ok" then return false end
  local check = line[2]
  if check == nil then return true end
  if type(check) == "function" then
    return check(prompt.result, output, prompt.message) and true or false
  end
  return same(prompt.result, check)
end

local function expected(line)
  if line.fails then return "an error message that names the register meant" end
  if type(line[2]) == "number" then return string.format("0x%x", line[2]) end
  return type(line[2]) == "string" and line[2] or "another result"
end

-- A prompt on no terminal, whose output is printed and kept.
local function tour_prompt()
  local kept = {}
  local function out(text)
    kept[#kept + 1] = text
    print(text)
  end
  local prompt = prompt_module.new {
    tty = false, color = false, error_prefix = "error:", out = out, above = out,
    width = function() return 100 end,
  }
  return prompt, kept
end

local function run_line(prompt, kept, line)
  print("> " .. line[1])
  local from = #kept + 1
  prompt.result = nil
  local verdict = prompt:line(line[1])
  local ok = right(line, prompt, verdict, table.concat(kept, "\n", from))
  if not ok then print("WRONG: expected " .. expected(line)) end
  return ok
end

-- run(mb, dev) -> true if every result of the tour was right. dev: edu, loaded and on no bus
-- yet; the tour puts it on the simulated one and takes it off again.
function M.run(_, dev)
  if dev.name ~= "edu" then
    print("the tour knows its way around edu only, not " .. dev.name)
    return false
  end
  local ok, why = dev:attach "sim"
  if ok then ok, why = dev:start() end
  if not ok then
    print("edu did not start: " .. tostring(why))
    return false
  end
  local prompt, kept = tour_prompt()
  local wrong, lines = 0, 0
  for n, step in ipairs(steps) do
    print((n == 1 and "" or "\n") .. string.format("%d. %s", n, step[1]))
    for i = 2, #step do
      lines = lines + 1
      if not run_line(prompt, kept, step[i]) then wrong = wrong + 1 end
    end
  end
  dev:stop()
  print(string.format("\n%d lines typed, %d wrong. On a terminal, `make demo` opens this prompt.",
    lines, wrong))
  io.stdout:flush()
  return wrong == 0
end

return M
