-- SPDX-License-Identifier: MIT
-- reload.lua: a device's file read again, by hand or when it has been saved. The new hooks come in between two
-- accesses, registers keep their values by name, and a file that does not load leaves the old code running.
-- Try it:  ./moonbar run FILE.lua     and save FILE.lua in an editor

local bit = require "bit"
local ffi = require "ffi"

ffi.cdef [[
int inotify_init1(int flags);
int inotify_add_watch(int fd, const char *path, uint32_t mask);
ssize_t read(int fd, void *buf, size_t count);
]]

local M = {}

local NONBLOCK_CLOEXEC = bit.bor(0x800, 0x80000)        -- IN_NONBLOCK, IN_CLOEXEC
local CLOSE_WRITE, MOVED_TO = 0x08, 0x80                -- editors write the file, or put another in its place

local function read_file(path)
  local f = io.open(path, "rb")
  local text = f and f:read "*a"
  if f then f:close() end
  return text
end

-- now(prompt, dev) -> what happened, as a sentence. Raises with what is wrong.
function M.now(prompt, dev)
  M.remember(prompt, dev)
  local ok, what = dev:reload(nil, true)
  if not ok then
    error(string.format("%s goes on as it is, for its file does not load:\n%s", dev.name,
      prompt.mb.mistakes_text(what)), 0)
  end
  M.remember(prompt, dev)
  M.watch(prompt)
  return string.format("%s: loaded again%s", dev.name,
    what and "; the register map is another, and the driver has to set up its interrupts again" or "")
end

-- ---- when it is saved ---------------------------------------------------------------------------------

-- Text of each file as it was when it was last looked at.
function M.remember(prompt, dev)
  local texts = {}
  for _, path in ipairs(dev:files()) do texts[path] = read_file(path) end
  prompt.texts[dev.name] = texts
end

local function has_changed(prompt, dev)
  local before, changed = prompt.texts[dev.name] or {}, false
  for _, path in ipairs(dev:files()) do
    local now = read_file(path)
    if now and now ~= before[path] then changed = true end      -- no text: an editor is about to put it there
  end
  return changed
end

-- watch(prompt): look out for changes of every device's files. A folder is watched, since editors replace files.
function M.watch(prompt)
  if not prompt.inotify then return end
  for _, name in ipairs(prompt:device_names()) do
    for _, path in ipairs(prompt.mb.devices[name]:files()) do
      ffi.C.inotify_add_watch(prompt.inotify, path:match "^(.*/)" or ".", bit.bor(CLOSE_WRITE, MOVED_TO))
    end
  end
end

-- start(prompt): from now on. term.watch(fd) makes the loop call changed() when something was written.
function M.start(prompt)
  prompt.texts = {}
  if prompt.term.watch then
    local fd = ffi.C.inotify_init1(NONBLOCK_CLOEXEC)
    if fd >= 0 and prompt.term.watch(fd) then prompt.inotify = fd end
  end
  for _, name in ipairs(prompt:device_names()) do M.remember(prompt, prompt.mb.devices[name]) end
  M.watch(prompt)
end

-- changed(prompt): something was written in one of the folders.
function M.changed(prompt)
  local buf = ffi.new "uint8_t[4096]"
  repeat until ffi.C.read(prompt.inotify, buf, 4096) <= 0
  if prompt.no_reload then return end
  for _, name in ipairs(prompt:device_names()) do
    local dev = prompt.mb.devices[name]
    if has_changed(prompt, dev) then
      local ok, text = pcall(M.now, prompt, dev)
      prompt.term.above(ok and text or prompt:red "error:" .. " " .. tostring(text))
    end
  end
end

return M
