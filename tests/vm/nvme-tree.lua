-- SPDX-License-Identifier: MIT
-- Makes a tree of files of all sizes, the same one every time, to be copied to a disk and compared. It
-- exists because sizes at the edges of blocks, pages and transfers find what one large file does not.
-- Try: luajit tests/vm/nvme-tree.lua /tmp/tree 20
-- Arguments: the folder to make, and MiB in all.
local ffi = require "ffi"
local bit = require "bit"

local top, total = arg[1], tonumber(arg[2]) * 2 ^ 20
local WORDS = 2 ^ 18
local words = ffi.new("uint32_t[?]", WORDS)

-- xorshift32: no file repeats another.
local x = 0x6d6f6f6e
local function refill()
  for n = 0, WORDS - 1 do
    x = bit.bxor(x, bit.lshift(x, 13))
    x = bit.bxor(x, bit.rshift(x, 17))
    x = bit.bxor(x, bit.lshift(x, 5))
    words[n] = x
  end
end

local made, files = 0, 0
local function file(size)
  local folder = ("%s/%02d"):format(top, files % 40)
  if files < 40 then os.execute("mkdir -p " .. folder) end
  local f = assert(io.open(("%s/%05d-%d"):format(folder, files, size), "wb"))
  local left = size
  while left > 0 do
    refill()
    local n = math.min(left, WORDS * 4)
    assert(f:write(ffi.string(words, n)))
    left = left - n
  end
  assert(f:close())
  made, files = made + size, files + 1
end

-- Around every power of two up to 4 MiB; then files that double until the total is reached.
for power = 0, 22 do
  for _, size in ipairs { 2 ^ power - 1, 2 ^ power, 2 ^ power + 1 } do file(size) end
end
for n = 1, 500 do file(n * 37 % 9000) end
while made < total do file(math.min(2 ^ 25, total - made)) end
