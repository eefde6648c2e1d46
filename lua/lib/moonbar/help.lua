-- SPDX-License-Identifier: MIT
-- help.lua: the language in a line a word, for `help WORD` at the prompt. docs/author.md has the rest.
--
-- Try it:  echo 'help after' | ./moonbar run lua/devices/edu.lua
local access = require "moonbar.access"
local rows = require "moonbar.rows"

local M = {}

-- word → { usage, what it does }
local words = {
  device = { 'device "name" { id = "1234:11e8", intx = true, msi = 4, … }', "Says who the device is." },
  bar = { "bar(0, 4*KiB) { name = { 0x00, rw }, … }", "A BAR and its registers." },
  group = { "name = group(0x100, { 4, stride = 0x20 }) { rows }", "Registers in sets: dev.name[0].row." },
  config = { "config { name = { 0x60, rw }, … }", "Registers in configuration space." },
  cap = { "cap.pm{} cap.express{} cap.msi{ vectors = 4 } cap.msix{ … } cap.vendor{ bytes = … } cap.aer{}",
    "Capabilities: also serial, ltr, vsec, dvsec, extended." },
  ram = { "ram(offset, size)", "Memory in a BAR that drivers reach without Lua." },
  buffer = { "buffer(size)", "Zeroed memory of the device's own, a span." },
  store = { "store(path, size)", "Memory kept in a file, or in RAM if the path is nil." },
  after = { 'after(1*ms, "event", …)', "Calls event.NAME(dev, …) later; gives a handle for cancel()." },
  cancel = { 'cancel(handle), cancel "event"', "Forgets what is pending; how many that were." },
  now = { "now()", "The session's clock, in ns." },
  event = { "function event.NAME(dev, …) … end", "What after() calls." },
  on = { "function on.start(dev) … end", "Handlers: start, stop, reset, bus_master, dma, power, config_write." },
  raise = { 'raise "status.done", raise(2)', "Sets a cause and what follows from it, or sends a vector's message." },
  level = { "level(0, true)", "Holds the INTx line, or drops it, without a status register." },
  irq_mode = { "irq_mode()", 'What the driver has enabled: "none", "intx", "msi" or "msix".' },
  dma_read = { "dma_read(bus_address, span)", "From the driver's memory; true, or nil and why not." },
  dma_write = { "dma_write(bus_address, span)", "Into the driver's memory; true, or nil and why not." },
  dma_list = { "l = dma_list(); l:read(bus, span); l:write(bus, span); l:go(vector)", "Many pieces in one call." },
  option = { 'option("size", 1*MiB, "what it is")', "A value that the user may give on the command line." },
  state = { "state.n = 1", "A table that survives when the file is loaded again." },
  drop = { "return drop", "From a write hook: the old value comes back." },
  log = { 'log("got %d", n)', "A line for people." },
  guest_error = { 'guest_error("no queue %d", n)', "The driver did wrong: told once for each place." },
  unimplemented = { 'unimplemented("mode %d", n)', "The driver did right, and the model lacks it." },
  msi = { "device … { msi = 4 }", "MSI with 1 to 32 vectors; a driver turns it on: d:enable \"msi\"." },
  msix = { "device … { msix = 16 }", "MSI-X with 1 to 2048 vectors, the table in the last pages of a BAR." },
  intx = { "device … { intx = true }", "An INTx pin: a level while a status register has a bit set." },
  step = { "d:step(1*ms)", "Moves a stepped clock on (--on sim:stepped); events that fall due run." },
  wait_irq = { "d:wait_irq(0, 1*s)", "How many interrupts came on a vector; or nil and why not." },
  irq_take = { "d:irq_take(0)", "How many interrupts came since last asked." },
  enable = { 'd:enable "msi"', "Turns on intx, msi or msix as a driver's probe does." },
  dma_alloc = { "d:dma_alloc(4096)", "Memory the device may reach: a span with .bus, its bus address." },
}

-- Usage and sentence of a word of the language, or nil.
function M.of(word)
  local entry = words[word]
  if entry then return entry[1], entry[2] end
  if access.meaning[word] then
    return ("name = { 0x00, %s }, field = %s(7), field = %s(15, 8)"):format(word, word, word),
      access.meaning[word]:gsub("^%l", string.upper) .. "."
  end
  if rows.options[word] then return ("name = { 0x00, rw, %s = … }"):format(word), rows.options[word] .. "." end
end

function M.names()
  local list = {}
  for _, set in ipairs { words, access.meaning, rows.options } do
    for word in pairs(set) do list[#list + 1] = word end
  end
  table.sort(list)
  return list
end

return M
