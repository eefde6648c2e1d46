-- SPDX-License-Identifier: MIT
-- output.lua: where what is generated goes: standard output, or a file that is either whole or as it was. The
-- text goes into a temporary file beside it, which then takes its name.
--
-- Try it:  ./moonbar header -o /tmp/edu.h lua/devices/edu.lua
local ffi = require "ffi"

local M = {}

if not pcall(function() return ffi.C.statx end) then
  ffi.cdef [[
    int statx(int dir, const char *path, int flags, unsigned mask, void *to);
    char *realpath(const char *path, char *to);
    int chmod(const char *path, unsigned mode);
    int getpid(void);
    void free(void *p);
  ]]
end

local AT_FDCWD, MODE_OFFSET = -100, 28          -- stx_mode in struct statx
local S_IFMT, S_IFREG = 0xf000, 0x8000

-- The mode of what is at @path, or nil if nothing is.
local function mode_of(path)
  local buf = ffi.new("uint8_t[256]")
  if ffi.C.statx(AT_FDCWD, path, 0, 2, buf) ~= 0 then return nil end
  return ffi.cast("uint16_t *", buf + MODE_OFFSET)[0]
end

local function is_regular(mode) return bit.band(mode, S_IFMT) == S_IFREG end

local function real(path)
  local p = ffi.C.realpath(path, nil)
  if p == nil then return path end
  local text = ffi.string(p)
  ffi.C.free(p)
  return text
end

local function put(path, flags, text)
  local f, why = io.open(path, flags)
  if not f then return nil, why end
  local ok
  ok, why = f:write(text)
  if ok then ok, why = f:close() else f:close() end
  return ok, why
end

-- A file of its own for the time being, beside @path.
local function temporary(path)
  return ("%s.%d.tmp"):format(path, ffi.C.getpid())
end

-- Write @text to @path (nil or "-": standard output). true; or nil and why not, and nothing has changed.
function M.write(path, text)
  if not path or path == "-" then
    local ok, why = io.stdout:write(text)
    if ok then ok, why = io.stdout:flush() end
    if not ok then return nil, "standard output: " .. tostring(why) end
    return true
  end
  local mode = mode_of(path)
  if mode and not is_regular(mode) then         -- a pipe or a device is written to, not replaced
    local ok, why = put(path, "w", text)
    return ok, why
  end
  path = mode and real(path) or path
  local tmp = temporary(path)
  local ok, why = put(tmp, "wx", text)
  if ok and mode then ffi.C.chmod(tmp, bit.band(mode, 0xfff)) end
  if ok then ok, why = os.rename(tmp, path) end
  if ok then return true end
  os.remove(tmp)
  return nil, (tostring(why):gsub("%.%d+%.tmp", ""))
end

return M
