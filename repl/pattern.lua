-- SPDX-License-Identifier: MIT
-- pattern.lua: patterns of register names, as `regs` and `trace` take them.
-- Try it:  luajit -e 'print(require "repl.pattern"("irq*")("irq_ack"))'

-- A pattern with * or ? covers the whole name; without, it is found anywhere in it. What it returns says
-- whether a name is meant.
return function(pattern)
  if not pattern:find "[*?]" then
    return function(name) return name:find(pattern, 1, true) ~= nil end
  end
  local p = "^" .. pattern:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
  return function(name) return name:find(p) ~= nil end
end
