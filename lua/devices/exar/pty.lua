-- SPDX-License-Identifier: MIT
--
-- exar/pty.lua: channels as terminals of the host: what the driver sends appears on a pseudo-terminal, and what
-- is typed there is received. A terminal program on /dev/pts/N talks to the driver's /dev/ttyS.
--
-- Try it:  ./moonbar run --on pciem lua/devices/exar.lua pty=0      (the log says /dev/pts/N)
local ffi = require "ffi"

ffi.cdef [[
int posix_openpt(int flags); int grantpt(int fd); int unlockpt(int fd); char *ptsname(int fd);
long read(int fd, void *to, unsigned long n); long write(int fd, const void *from, unsigned long n);
int open(const char *path, int flags, ...); int close(int fd);
int tcgetattr(int fd, void *termios); int tcsetattr(int fd, int when, const void *termios);
void cfmakeraw(void *termios);
]]

local C = ffi.C
local O_RDWR, O_NOCTTY, O_NONBLOCK = 2, 0x100, 0x800
local PERIOD = 10*ms

return function(uart)
  local pty, bytes = {}, ffi.new "char[256]"
  local open = state.terminals or {}            -- by channel: { fd =, held = }, or false until the device starts
  state.terminals = open

  local function attach(i)
    uart.outside[i] = function(text) C.write(open[i].fd, text, #text) end
  end

  -- Make channel i a terminal once the device starts.
  function pty.connect(i)
    if open[i] then attach(i) else open[i] = false end
  end

  local function open_one(i)
    local fd = C.posix_openpt(O_RDWR + O_NOCTTY + O_NONBLOCK)
    if fd < 0 or C.grantpt(fd) ~= 0 or C.unlockpt(fd) ~= 0 then error("pty: the host gives no pseudo-terminal", 0) end
    local name = ffi.string(C.ptsname(fd))
    local held = C.open(name, O_RDWR + O_NOCTTY)        -- so that it lives while nobody else has it open
    C.tcgetattr(held, bytes)
    C.cfmakeraw(bytes)                                  -- nothing is echoed or edited on the way
    C.tcsetattr(held, 0, bytes)
    open[i] = { fd = fd, held = held }
    attach(i)
    log("channel %d is %s", i, name)
  end

  function pty.start()
    for i, one in pairs(open) do
      if not one then open_one(i) end
    end
    if next(open) then after(PERIOD, "look_at_terminals") end
  end

  function pty.stop()
    for _, one in pairs(open) do
      C.close(one.held)
      C.close(one.fd)
    end
  end

  function event.look_at_terminals()
    for i, one in pairs(open) do
      local n = C.read(one.fd, bytes, 64)       -- four characters' time each, so that a FIFO holds what comes
      if n > 0 then uart.receive(i, ffi.string(bytes, n)) end
    end
    after(PERIOD, "look_at_terminals")
  end

  return pty
end
