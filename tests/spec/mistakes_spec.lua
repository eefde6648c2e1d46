-- SPDX-License-Identifier: MIT
-- Mistakes in device files: each with its line, the row's name, what is wrong and what would be right, and
-- all of a file in one run. Line 1 of each text is the device statement.
--
-- Try it:  luajit /usr/bin/busted tests/spec/mistakes_spec.lua
local support = dofile "tests/spec/support.lua"
local mb = support.mb

local function row(text) return "bar(0, 4*KiB) {\n" .. text .. "\n}" end

-- { what, text, line, row, message }: one mistake, and this message in it
local cases = {
  -- words
  { "an unknown word", row "a = { 0, rww },", 3, nil, "unknown word 'rww'; did you mean 'rw'?" },
  { "an unknown word as a field", row "a = { 0, { f = rww(7) } },", 3, nil,
    "unknown word 'rww'; did you mean 'rw'?" },
  { "an unknown word in a hook that never ran",
    row "a = { 0, rw,\n write = function(dev) aftr(1, 'x') end },", 4, nil,
    "unknown word 'aftr'; did you mean 'after'?" },
  { "a global that is assigned", "count = 0\n" .. row "a = { 0, rw },", 2, nil,
    "assignment to the global 'count'; right would be local count = …" },
  { "a word of the language that is assigned", row "a = { 0, rw, write = function() raise = 1 end },", 3, nil,
    "assignment to the global 'raise', a word of the language" },
  { "a file that is not Lua", row "a = { 0, rw", 4, nil, "not Lua: '}' expected" },
  { "an error while the file runs", "\nerror 'too bad'", 3, nil, "too bad" },
  -- rows
  { "a row without an offset", row "a = { rw },", 3, "a", "no offset; right would be { 0x00, rw, … }" },
  { "a row without an access word", row "a = { 0x8 },", 3, "a", "no access word; right would be { 0x08, rw, … }" },
  { "a row that is a number", row "a = 5,", 3, "a", "is 0x5; a row is a table" },
  { "a row that is a word", row "a = rw,", 3, "a", "is rw; a row is a table" },
  { "a row without a name", row "{ 0, rw },", 2, "1", "a row without a name; right would be name = { 0x00, rw }" },
  { "a row that stands twice", row "a = { 0, rw },\nb = { 4, rw },\na = { 8, rw },", 5, "a",
    "stands here twice, first on line 3" },
  { "two access words", row "a = { 0, rw, ro },", 3, "a", "a second access word, ro" },
  { "a third number", row "a = { 0, rw, 1, 2 },", 3, "a", "a second reset value, 0x2" },
  { "a field in the place of an access word", row "a = { 0, rw(7) },", 3, "a",
    "rw(7) is a field; right would be { name = rw(7) }, a nested table" },
  { "a function without a name", row "a = { 0, rw, function() end },", 3, "a", "hooks are named" },
  { "an unknown option", row "a = { 0, rw, witdh = 8 },", 3, "a", "no option 'witdh'; did you mean 'width'?" },
  { "a field beside the options", row "a = { 0, { f = rw(0) }, busy = ro(1) },", 3, "a",
    "busy = ro(1) stands beside the options; fields stand in a nested table: { busy = ro(1) }" },
  { "a field called like an option", row "a = { 0, { f = rw(0) }, lock = ro(1) },", 3, "a",
    "lock = ro(1) stands beside the options" },
  { "a width that there is not", row "a = { 0, rw, width = 24 },", 3, "a",
    "width = 24; a register has 8, 16, 32 or 64 bits" },
  { "an access size that there is not", row "a = { 0, rw, sizes = {3} },", 3, "a",
    "sizes has 3; an access has 1, 2, 4 or 8 bytes" },
  { "sizes that are a number", row "a = { 0, rw, sizes = 4 },", 3, "a", "right would be sizes = {4} or {4, 8}" },
  { "an option of the wrong kind", row "a = { 0, rw, sync = 1, write = function() end },", 3, "a",
    "right would be sync = true or false" },
  { "a hook that is no function", row "a = { 0, rw, write = 5 },", 3, "a",
    "right would be write = function(dev, v) … end" },
  { "an offset in quotes", row "a = { '0x10', rw },", 3, "a",
    "\"0x10\" is a string; right would be 0x10, without quotes" },
  { "an access word in quotes", row "a = { 0, 'rw' },", 3, "a",
    "\"rw\" is a string; right would be rw, without quotes" },
  { "an offset with a name", row "a = { offset = 16, rw },", 3, "a",
    "offset stands in its place, without a name: { 0x10, rw" },
  { "a field without rw()", row "a = { 0, { f = {7, 4} } },", 3, "a", "right would be f = rw(7) or f = rw(7, 4)" },
  { "a missing comma", row "a = { 0, rw }\nb = { 4, rw }", 3, nil,
    "a comma is missing at the end of this line, before 'b'" },
  { "a BAR without parentheses", "bar 0 { a = { 0, rw } }", 2, nil, "a BAR is bar(0, 4*KiB) { … }" },
  { "a BAR without a size", "bar(0) { a = { 0, rw } }", 2, "bar 0", "no size; right would be bar(0, 4*KiB) { … }" },
  { "rows among a BAR's options", "bar(0, 4096, { a = { 0, rw } })", 2, "bar 0", "rows stand in braces of their own" },
  { "a unit that there is not", "bar(0, 4*KB) { a = { 0, rw } }", 2, nil, "unknown word 'KB'; did you mean 'KiB'?" },
  { "a doc string twice", row "a = { 0, rw, 'x', 'y' },", 3, "a", "a second doc string" },
  -- other languages' habits, and what Lua's parser stumbles over
  { "a size with a suffix", "bar(0, 4K) { a = { 0, rw } }", 2, nil, "sizes are written 4*KiB" },
  { "!=", row "a = { 0, rw, write = function(dev, v)\nif v != 1 then end end },", 4, nil, "not equal is ~=" },
  { "&&", row "a = { 0, rw, write = function(dev, v) if v == 1 && v then end end },", 3, nil, "'and' instead of &&" },
  { "||", row "a = { 0, rw, write = function(dev, v) if v == 1 || v then end end },", 3, nil, "'or' instead of ||" },
  { "!", row "a = { 0, rw, write = function(dev, v) if !v then end end },", 3, nil, "'not' instead of !" },
  { "&", row "a = { 0, rw, write = function(dev, v) return v & 1 end },", 3, nil, "band(a, b) instead of &" },
  { "|", row "a = { 0, rw, write = function(dev, v) return v | 1 end },", 3, nil, "bor(a, b) instead of |" },
  { "<<", row "a = { 0, rw, 1 << 4 },", 3, nil, "lshift(value, bits) instead of <<" },
  { ">>", row "a = { 0, rw, write = function(dev, v) return v >> 1 end },", 3, nil,
    "rshift(value, bits) instead of >>" },
  { "+=", row "a = { 0, rw, write = function(dev, v)\ndev.a += 1 end },", 4, nil, "right would be x = x + 1" },
  { "++", row "a = { 0, rw, write = function(dev, v)\ndev.a++ end },", 4, nil, "Lua has no ++" },
  { "= in a condition", row "a = { 0, rw, write = function(dev, v) if v = 1 then end end },", 3, nil,
    "a comparison is ==" },
  { "a // comment", row "a = { 0, rw }, // the first", 3, nil, "a comment begins with --" },
  { "a /* comment", "/* mine */\n" .. row "a = { 0, rw },", 2, nil, "a long one is --[[ … ]]" },
  { "? :", row "a = { 0, rw, write = function(dev, v) return v == 1 ? 2 : 3 end },", 3, nil,
    "condition and a or b" },
  { "a missing end", row "a = { 0, rw, write = function(dev, v) if v == 1 then dev.a = 2 end },", 3, nil,
    "an 'end' is missing" },
  { "a comma missing in a row", row "a = { 0 rw },", 3, nil, "a comma is missing before 'rw'" },
  { "a comma missing before a reset value", row "a = { 0, ro 0x12 },", 3, nil, "a comma is missing before '0x12'" },
  { "a comma missing before a doc string", row "a = { 0, rw 'Output latch' },", 3, "a",
    'a comma is missing after rw; right would be rw, "Output latch"' },
  { "a comma missing before fields", row "a = { 0, rw { f = rw(0) } },", 3, "a", "a comma is missing after rw" },
  { "a BAR with brackets", "bar[0] = { a = { 0, rw } }", 2, nil, "a BAR is bar(0, 4*KiB) { … }" },
  { "a BAR without its number", "bar(4096) { a = { 0, rw } }", 2, "bar", "the BAR's number is missing" },
  { "a BAR without rows", "bar(0, 4096)", 2, "bar 0", "no rows; right would be bar(0, size) { … }" },
  { "a reset value in parentheses", row "a = { 0, ro(0x1234) },", 3, "a",
    "right would be ro, 0x1234 for a reset value" },
  { "fields with a name", row "a = { 0, fields = { f = rw(0) } },", 3, "a",
    "fields stand in their place, without a name" },
  { "a width in quotes", row "a = { 0, rw, width = '32' },", 3, "a", 'width = "32"; a register has 8, 16, 32 or 64' },
  { "a register that is a word of Lua", row "['end'] = { 0, rw },", 3, "end",
    "'end' is a word of Lua, so that dev.end is none; right would be end_" },
  { "a read hook on a write-only register", row "a = { 0, wo, read = function() end },", 3, "a",
    "a read hook on a write-only register" },
  { "sizes that do not fit into the register", row "a = { 0, rw, width = 16, sizes = {4} },", 3, "a",
    "no access fits into it; right would be width = 32, or sizes = {2}" },
  { "an enum with a name twice", row "a = { 0, { f = rw(1, 0, { [0] = 'off', 'off' }) } },", 3, "a",
    'the enum has "off" twice, for 0 and 1' },
  { "an unknown word as an offset", row "a = { BASE, rw },", 3, nil, "unknown word 'BASE'" },
  { "an unknown word as an alias", row "a = { 0, w1s(b) },", 3, nil, "unknown word 'b'" },
  { "an enable without a bit in common",
    row "en = { 0, { c = rw(2) } },\nst = { 4, { a = w1c(0) }, vector = 0, enable = 'en' },", 4, "st",
    "a cause is enabled by the same bit" },
  { "!= and more of them, each", row "a = { 0, rw, write = function(dev, v)\nif v != 1 then end\nend },", 4, nil,
    "not equal is ~=" },
  { "a time without *", row "a = { 0, rw, write = function(dev, v)\nafter(87 us, 'x')\nend },", 4, nil,
    "times are written 10*us" },
  { "bits with a colon", row "a = { 0, { f = rw(15:8) } },", 3, nil, "bits are written rw(15, 8)" },
  { "a name among arguments", row "a = { 0, { f = rw(5, reset = 1) } },", 3, nil, "rw(5, { reset = 1 })" },
  { "an enum without brackets", row "a = { 0, { f = rw(5, 0, { 8 = 'on' }) } },", 3, nil,
    "a number in the place of a name wants brackets" },
  { "#define", "#define BASE 0x100\n" .. row "a = { 0, rw },", 2, nil, "a constant is local NAME = 0x100" },
  { "#include", "  #include 'regs.h'\n" .. row "a = { 0, rw },", 2, nil, "a file is read by require" },
  { "->", row "a = { 0, rw, write = function(dev, v) dev->a = 5 end },", 3, nil,
    "dev.register instead of dev->register" },
  { "braces after if", row "a = { 0, rw, write = function(dev, v)\nif v == 1 {\nend end },", 4, nil,
    "no braces: if … then … end" },
  { "a loop of C", row "a = { 0, rw, write = function(dev, v)\nfor (i = 0; i < 8; i = i + 1) do end\nend },", 4, nil,
    "a loop is for i = 0, 7 do … end" },
  { "a type", row "a = { 0, rw, write = function(dev, v)\nuint32_t n = 5\nend },", 4, nil,
    "a variable is local n = 0" },
  { "an alias that is no string", "bar(0, 16) {\na = { 0, rw },\nb = { 4, w1c(a) } }", 4, nil,
    "unknown word 'a'; if the register is meant, right would be \"a\" in a row, dev.a in a hook" },
  { "a local that comes too late", row "a = { 0, rw, write = on_write }," .. "\nlocal function on_write() end", 3, nil,
    "unknown word 'on_write'; a local is known from its own line on, which is 5: put it before" },
  { "an option called as a function", row "a = { 0, rw, array(8) },", 3, nil, "an option has a name: array = …" },
  { "a word of another language", row "a = { 0, rw, write = function(dev, v) return null end },", 3, nil,
    "unknown word 'null'; right would be nil" },
  { "a width between", row "a = { 0, rw, 0xfff, width = 12 },", 3, "a",
    "right would be width = 16, with a field(11, 0)" },
  { "a stride without a name", row "a = { 0, rw, array = {4, 8} },", 3, "a", "right would be array = {4, stride = 8}" },
  { "a width in the place of a reset value", row "a = { 0, rw, 0xff, 'LEDs', 8 },", 3, "a", "is width = 8 meant?" },
  -- what hooks will do, seen before they run
  { "a register misspelt in a hook",
    row "status = { 0, ro },\na = { 4, rw,\nwrite = function(dev, v) dev.statsu = 1 end },", 5, nil,
    "dev.statsu: t has no register 'statsu'; did you mean 'status'?" },
  { "a register misspelt in an event, under another name",
    "function event.e(me) me.stat = 1 end\n" .. row "status = { 0, ro },", 2, nil, "t has no register 'stat'" },
  { "a field misspelt in a hook",
    row "st = { 0, { busy = ro(0) } },\na = { 4, rw, write = function(dev) dev.st.bsy = 1 end },", 4, nil,
    "st has no field 'bsy'; did you mean 'busy'?" },
  { "a field of a register without fields",
    row "st = { 0, ro },\na = { 4, rw, write = function(dev) dev.st.busy = 1 end },", 4, nil,
    "dev.st.busy: st has no fields; it is a number" },
  { "a register of a group without the group",
    row "g = group(0, {2, stride = 16}) { head = { 0, ro },\nbell = { 4, doorbell = function(q, v) q.head = v end } },",
    4, nil, "q.head: t has no register 'head'; right would be dev.g[i].head" },
  { "a cause that there is not", row "a = { 4, rw, write = function(dev) raise('done') end },", 3, nil,
    'raise "done": there is no register \'done\'' },
  { "a cause that is bound to nothing",
    row "st = { 0, { done = ro(0) } },\na = { 4, rw, write = function(dev) raise 'st.done' end },", 4, nil,
    "st is bound to no interrupt; right would be vector = 0 in its row" },
  { "an event that there is not", "function event.tick() end\n"
    .. row "a = { 4, rw, write = function(dev) after(2*(1 + 1)*ms, 'tikc') end },", 4, nil,
    "after: there is no event \"tikc\"; did you mean 'tick'?" },
  { "an event that is no name", "function event.tick() end\n"
    .. row "a = { 4, rw, write = function(dev) after(1*ms, event.tick) end },", 4, nil,
    'after: an event is told by its name; right would be after(…, "tick")' },
  { "a value taken for a truth", row "a = { 4, rw, write = function(dev, v) if v then dev.a = 0 end end },", 3, nil,
    "v is a number, and in Lua 0 is true as well; right would be v ~= 0" },
  { "a field taken for a truth",
    row "a = { 4, { go = rw(0) }, write = function(dev, cmd)\nif cmd == 3 and not cmd.go then end end },", 4, nil,
    "cmd.go is a number, and in Lua 0 is true as well; right would be cmd.go ~= 0" },
  { "a register taken for a truth",
    row "st = { 0, { busy = ro(0) } },\na = { 4, rw, write = function(dev)\nwhile dev.st.busy do end end },", 5, nil,
    "dev.st.busy is a number" },
  { "a method of the model", row "a = { 0, rw, write = function(dev, v) dev:a(5) end },", 3, nil,
    "dev:a: registers have no methods; right would be dev.register, or dev.register = value" },
  { "a register called", row "a = { 0, rw, write = function(dev, v) dev.a() end },", 3, nil,
    "dev.a(…): a register is no function; right would be dev.a, or dev.a = value" },
  { "a register that is no array, indexed", row "a = { 0, rw, write = function(dev, v) dev.a[1] = 5 end },", 3, nil,
    "dev.a[…]: a is no array" },
  { "an index beyond the array", row "a = { 0, rw, array = 4, write = function(dev, v) dev.a[4] = 5 end },", 3, nil,
    "dev.a[4]: the array has 4 elements, 0 to 3" },
  { "an array set as a whole", row "a = { 0, rw, array = 4, write = function(dev, v) dev.a = 5 end },", 3, nil,
    "dev.a is an array; right would be dev.a[0] = …" },
  { "self", row "a = { 0, rw, write = function(dev, v) self.a = 5 end },", 3, nil,
    "unknown word 'self'; right would be dev, the hook's first argument" },
  { "a handler without its dot", "function onreset(dev) end\n" .. row "a = { 0, rw },", 2, nil,
    "'onreset': right would be function on.reset(dev) … end" },
  { "a loop in a table", row "for i = 0, 3 do a = { 0, rw } end", 3, nil, "a table takes no loop" },
  { "options of a BAR without braces", "bar(0, 4*KiB, sizes = {4}) { a = { 0, rw } }", 2, nil,
    "options stand in braces: bar(0, 4*KiB, { sizes = {4} })" },
  { "a time glued to its unit", row "a = { 0, rw, write = function(dev, v) after(10us, 'x') end },", 3, nil,
    "times are written 10*us" },
  { "else if", row "a = { 0, rw, write = function(dev, v)\nif v == 1 then\nelse if v == 2 then\nend end },", 5, nil,
    "right would be elseif" },
  -- places
  { "overlapping registers", row "a = { 0x10, rw },\nb = { 0x12, rw },", 4, "b",
    "b (0x12 to 0x15) overlaps a (0x10 to 0x13, line 3); the first free offset after it is 0x14" },
  { "an overlap that stands above", row "b = { 0x12, rw },\na = { 0x10, rw },", 4, "a",
    "a (0x10 to 0x13) overlaps b (0x12 to 0x15, line 3)" },
  { "an array that overlaps a register", row "a = { 0x10, rw, array = {4, stride = 8} },\nb = { 0x18, rw },", 4, "b",
    "overlaps a[1] (0x18 to 0x1b, line 3)" },
  { "a stride that is too small", row "a = { 0, rw, array = {4, stride = 2} },", 3, "a",
    "array stride = 2 is less than the register's 4 bytes" },
  { "an array without a count", row "a = { 0, rw, array = {stride = 4} },", 3, "a",
    "array wants a count, as in array = {8, stride = 4}" },
  { "a register beyond its BAR", row "a = { 0xffd, rw },", 3, "a",
    "offset 0xffd is beyond the end of BAR 0, which is 4 KiB" },
  { "an array beyond its BAR", row "a = { 0xff0, rw, array = {5} },", 3, "a",
    "element 4 (ends at 0x1004) is beyond the end of BAR 0" },
  { "a negative offset", row "a = { -4, rw },", 3, "a", "offset -4 is below 0" },
  { "ram over a register", "ram(0x10, 16)\n" .. row "a = { 0x1c, rw },", 2, "ram",
    "0x10 to 0x1f overlaps a (0x1c to 0x1f" },
  { "ram beyond its BAR", "ram(0xff0, 32)\n" .. row "a = { 0, rw },", 2, "ram",
    "beyond the end of BAR 0, which is 4 KiB" },
  { "ram in no BAR", "ram(0, 32, 3)\n" .. row "a = { 0, rw },", 2, "ram", "there is no BAR 3" },
  { "ram over ram", "ram(0x100, 32)\nram(0x110, 32)\n" .. row "a = { 0, rw },", 3, "ram",
    "overlaps ram (0x100 to 0x11f, line 2)" },
  -- fields
  { "a field outside the width", row "a = { 0, { f = rw(32) } },", 3, "a",
    "field f = rw(32) lies outside the register's 32 bits; the highest is 31" },
  { "a field on its own line", row "a = { 0,\n {\n f = rw(0),\n g = rw(9, 8) }, width = 8 },", 6, "a",
    "field g = rw(9, 8) lies outside" },
  { "overlapping fields", row "a = { 0, { f = rw(3, 0),\n g = ro(3) } },", 4, "a",
    "field g (ro(3)) overlaps field f (rw(3, 0), line 3)" },
  { "a field that stands twice", row "a = { 0, { f = rw(3, 0),\n f = ro(4) } },", 4, "a",
    "field f stands here twice, first on line 3" },
  { "a field without a bit", row "a = { 0, { f = rw } },", 3, "a",
    "field f has no bit number; right would be f = rw(0)" },
  { "a field without a name", row "a = { 0, { rw(3) } },", 3, "a",
    "a field without a name (rw(3)); right would be name = rw(3)" },
  { "a field that is a string", row "a = { 0, { f = 'x' } },", 3, "a",
    "field f is a string; right would be f = rw(7) or f = rw(15, 8)" },
  { "a field with strange arguments", row "a = { 0, { f = rw(true) } },", 3, "a",
    "rw(true): a field wants bit numbers" },
  { "an enum value that does not fit", row "a = { 0, { f = rw(1, { [0] = 'x', [2] = 'y' }) } },", 3, "a",
    "enum value 2 (\"y\") does not fit into 1 bit: 0 to 1" },
  { "a field's reset that does not fit", row "a = { 0, { f = rw(1, 0, { reset = 4 }) } },", 3, "a",
    "reset = 0x4 does not fit into 2 bits" },
  -- reset values
  { "a reset value that is too wide", row "a = { 0, rw, 0x100, width = 8 },", 3, "a",
    "the reset value 0x100 is wider than the register's 8 bits" },
  { "a reset value outside the fields", row "a = { 0, rw, 3, { f = rw(0) } },", 3, "a",
    "the reset value 0x00000003 sets bits 0x00000002, which no field names" },
  { "an empty table of fields", row "a = { 0, {} },", 3, "a", "an empty table of fields" },
  { "an enum the other way round", row "a = { 0, { f = rw(0, { on = 1 }) } },", 3, "a",
    'field f: an enum stands the other way round: [1] = "on", not on = 1' },
  { "two reset values", row "a = { 0, rw, 3, reset = 4 },", 3, "a", "a reset value twice" },
  -- names of others
  { "an alias of nothing", row "stat = { 0, ro },\na = { 4, w1c 'status' },", 4, "a",
    "alias w1c \"status\": there is no such register; did you mean 'stat'?" },
  { "an alias of itself", row "a = { 4, w1c 'a' },", 3, "a", "that is the row itself" },
  { "an alias of an alias", row "a = { 0, rw },\nb = { 4, w1c 'a' },\nc = { 8, w1s 'b' },", 5, "c",
    "that is an alias too; right would be its target \"a\"" },
  { "an alias of another width", row "a = { 0, rw, width = 8 },\nb = { 4, w1c 'a' },", 4, "b",
    "that has 8 bits, this row 32; right would be width = 8" },
  { "an alias of a field", row "a = { 0, { f = rw(0) } },\nb = { 4, w1c 'a.f' },", 4, "b",
    "an alias stands for a whole register; right would be w1c \"a\"" },
  { "an alias with fields", row "a = { 0, rw },\nb = { 4, w1c 'a', { f = rw(0) } },", 4, "b",
    "an alias has its target's fields; leave them out here" },
  { "a lock that names nothing", row "a = { 0, rw, lock = 'status.busy' },", 3, "a",
    "lock = \"status.busy\": there is no register 'status'" },
  { "a lock that names no field", row "st = { 0, { busy = ro(0) } },\na = { 4, rw, lock = 'st.bsy' },", 4, "a",
    "st has no field 'bsy'; did you mean 'busy'?" },
  { "a vector that there is not", row "a = { 0, ro, vector = 4 },", 3, "a",
    "vector = 4: the device has 4: 0 to 3" },
  { "a vector that is no number", row "a = { 0, ro, vector = 'x' },", 3, "a", "right would be a number from 0 on" },
  { "an enable that names nothing", row "a = { 0, ro, vector = 0, enable = 'mask' },", 3, "a",
    "enable = \"mask\": there is no such register" },
  { "an enable without a vector", row "m = { 4, rw },\na = { 0, ro, enable = 'm' },", 4, "a",
    "enable = \"m\" without vector; right would be vector = 0 as well" },
  { "an enable that is a doorbell",
    row "m = { 0, doorbell = function() end },\na = { 4, ro, vector = 0, enable = 'm' },", 4, "a",
    "that is a doorbell, which stores nothing" },
  { "vectors that are not one an element", row "a = { 0, ro, array = 3, vector = {0, 1} },", 3, "a",
    "vector has 2 numbers, and the register 3 elements" },
  -- sense
  { "a hook on a constant", row "a = { 0, const, 5, write = function() end },", 3, "a",
    "a hook on a constant never matters" },
  { "a read hook on a doorbell", row "a = { 0, doorbell = function() end, read = function() end },", 3, "a",
    "a doorbell is write-only" },
  { "a doorbell that is rw", row "a = { 0, rw, doorbell = function() end },", 3, "a",
    "right would be no access word instead of rw" },
  { "write and doorbell", row "a = { 0, doorbell = function() end, write = function() end },", 3, "a",
    "both write and doorbell" },
  { "sync without a hook", row "a = { 0, rw, sync = true },", 3, "a",
    "sync = true, but there is no write hook to wait for" },
  -- BARs
  { "a BAR that is no power of two", "bar(0, 5000) { a = { 0, rw } }", 2, "bar 0",
    "a BAR is a power of two from 16 bytes on, here 8 KiB" },
  { "a BAR number that there is not", "bar(6, 4096) { a = { 0, rw } }", 2, "bar 6",
    "BAR 6; a device has BARs 0 to 5" },
  { "a BAR twice", "bar(0, 4096) { a = { 0, rw } }\nbar(0, 4096) { b = { 4, rw } }", 3, "bar 0",
    "BAR 0 stands here twice, first on line 2" },
  { "a BAR in a 64-bit BAR",
    "bar(0, 4096, { is64 = true }) { a = { 0, rw } }\nbar(1, 4096) { b = { 4, rw } }", 3, "bar 1",
    "BAR 1 is the upper half of BAR 0" },
  { "an unknown option of a BAR", "bar(0, 4096, { size = {4} }) { a = { 0, rw } }", 2, "bar 0",
    "no option 'size'; did you mean 'sizes'?" },
  { "one name in two BARs", "bar(0, 4096) { a = { 0, rw } }\nbar(1, 4096) { a = { 4, rw } }", 3, "a",
    "BAR 0 has a register of that name already (line 2)" },
  -- capabilities
  { "MSI-X over a register",
    "cap.msix { vectors = 4, bar = 0, table = 0x0, pba = 0x800 }\n" .. row "a = { 0x30, rw },", 2, "msix",
    "the MSI-X table (0x00 to 0x3f) overlaps a (0x30 to 0x33" },
  { "MSI-X that does not fit", "cap.msix { vectors = 512, bar = 0 }\n" .. row "a = { 0x30, rw },", 2, "msix",
    "does not fit into BAR 0, which is 4 KiB" },
  { "MSI-X in no BAR", "cap.msix { vectors = 4, bar = 2 }\n" .. row "a = { 0x30, rw },", 2, "msix",
    "there is no BAR 2 for the MSI-X table" },
  { "an unknown capability", "cap.mssi {}\n" .. row "a = { 0, rw },", 2, "cap",
    "no capability 'mssi'; did you mean 'msi'?" },
  { "a capability for later", "cap.ats {}\n" .. row "a = { 0, rw },", 2, "cap.ats",
    "not supported yet; there are pm, express, msi, msix, vendor, aer" },
  { "an extended capability without PCI Express", "cap.aer {}\n" .. row "a = { 0, rw },", 2, "cap.aer",
    "an extended capability wants cap.express{} too" },
  { "a serial number without one", "cap.express {} cap.serial {}\n" .. row "a = { 0, rw },", 2, "cap.serial",
    "no number; right would be cap.serial{ number = 0x0123456789abcdefULL }" },
  { "a serial number that is a string", "cap.express {} cap.serial { number = 'x' }\n" .. row "a = { 0, rw },", 2,
    "cap.serial", 'number = "x"; right would be a whole number from 0 to 0xffffffffffffffffULL' },
  { "an extended capability's identifier", "cap.express {} cap.extended { id = 0x10000 }\n" .. row "a = { 0, rw },", 2,
    "cap.extended", "id = 65536; right would be a whole number from 1 to 0xffff" },
  { "too many bytes in an extended capability",
    "cap.express {} cap.vsec { id = 1, bytes = ('x'):rep(200) }\n" .. row "a = { 0, rw },", 2, "cap.vsec",
    "bytes has 200 bytes; there is room for 186" },
  { "a configuration row over an extended capability's header",
    "cap.express {} cap.aer {}\nconfig { x = { 0x100, rw } }", 3, "x",
    "0x100 is in the AER capability's header (line 2); the first free offset is 0x12c" },
  { "an option a capability lacks", "cap.pm { vectors = 1 }\n" .. row "a = { 0, rw },", 2, "cap.pm",
    "knows no option 'vectors'" },
  { "a second capability", "cap.msi {}\n" .. row "a = { 0, rw },", 2, "cap.msi",
    "a second msi capability, the first is on line 1" },
  { "the MSI-X table over its PBA",
    "cap.msix { vectors = 64, bar = 0, table = 0x800, pba = 0x900 }\n" .. row "a = { 0x30, rw },", 2, "msix",
    "the MSI-X PBA (0x900 to 0x907) is inside the table (0x800 to 0xbff)" },
  -- configuration space; the MSI capability of line 1 is at 0x40 to 0x4d
  { "a configuration row in a capability", "config { x = { 0x4c, rw } }", 2, "x",
    "0x4c is in the MSI capability (line 1); the first free offset is 0x50" },
  { "a configuration row in the header", "config {\n x = { 0x3c, rw } }", 3, "x",
    "0x3c is in the header (0x00 to 0x3f), which device { … } and bar describe; the first free offset is 0x50" },
  { "a configuration row over the extended capabilities' first", "config { x = { 0x100, rw } }", 2, "x",
    "0x100 is the header of the first extended capability" },
  { "a configuration row of 64 bits", "config { x = { 0x80, rw, width = 64 } }", 2, "x",
    "width = 64; configuration space is read and written by 32 bits at most" },
  { "a configuration row across two dwords", "config { x = { 0x82, rw } }", 2, "x",
    "offset 0x82; a configuration register of 32 bits is at a multiple of 4" },
  { "a configuration row beyond the end", "config { x = { 0x1000, rw } }", 2, "x",
    "offset 0x1000 is beyond the end of configuration space, which is 4 KiB" },
  { "an interrupt in configuration space", "config { x = { 0x80, ro, vector = 0 } }", 2, "x",
    "an interrupt follows registers of a BAR, not of configuration space" },
  { "configuration rows twice", "config { x = { 0x80, rw } }\nconfig { y = { 0x84, rw } }", 3, "config",
    "config stands here twice, first on line 2" },
  { "configuration rows that overlap", "config { x = { 0x80, rw },\n y = { 0x82, rw, width = 16 } }", 3, "y",
    "y (0x82 to 0x83) overlaps x (0x80 to 0x83, line 2)" },
  { "a lock across from a BAR to configuration space",
    "config { x = { 0x80, rw } }\n" .. row "a = { 0, rw, lock = 'x' },", 4, "a",
    "lock = \"x\": that is in configuration space, this row in BAR 0" },
  -- groups
  { "a group without a stride", row "g = group(0x100, { 4 }) { a = { 0, rw } },", 3, "g",
    "no stride; right would be { 4, stride = 0x20 }" },
  { "a group without an offset", row "g = group { a = { 0, rw } },", 3, "g",
    "right would be group(0x100) { … } or group(0x100, { 4, stride = 0x20 }) { … }" },
  { "a group row beyond the stride",
    row "g = group(0x100, { 4, stride = 8 }) {\n a = { 0, rw },\n b = { 8, rw } },", 5,
    "g.b", "offset 0x08 is beyond the group's stride of 0x8" },
  { "an array beyond its group's stride",
    row "g = group(0x100, { 2, stride = 0x20 }) {\n a = { 8, rw, array = 7 } },", 4, "g.a",
    "the array at offset 0x08 reaches beyond the group's stride of 0x20" },
  { "an array in a group whose stride is too small",
    row "g = group(0x100, { 2, stride = 0x20 }) {\n a = { 8, rw, array = {4, stride = 2} } },", 4, "g.a",
    "array stride = 2 is less than the register's 4 bytes" },
  { "an array over its neighbour in a group",
    row "g = group(0x100, { 2, stride = 0x20 }) {\n a = { 8, rw, array = 4 },\n b = { 0x14, rw } },", 5, "g.b",
    "g[0].b (0x114 to 0x117) overlaps g[0].a[3] (0x114 to 0x117, line 4)" },
  { "an array in a group locked by another array",
    row "g = group(0x100) {\n a = { 0, rw, array = 4, lock = 'b' },\n b = { 0x20, rw, array = 3 } },", 4, "g.a",
    "lock = \"b\": that has 3 elements, this row 4" },
  { "a group that overlaps a register",
    row "a = { 0x124, rw },\ng = group(0x100, { 4, stride = 0x20 }) { b = { 4, rw } },", 4, "g.b",
    "g[1].b (0x124 to 0x127) overlaps a (0x124 to 0x127, line 3)" },
  { "a lock that names nothing in its group",
    row "g = group(0x100) {\n a = { 0, rw, lock = 'bsy' },\n busy = { 4, ro } },", 4, "g.a",
    "lock = \"bsy\": there is no register 'bsy'" },
  -- events and handlers
  { "an event that is no function", "event.done = 5\n" .. row "a = { 0, rw },", 2, "event.done",
    "right would be function event.done(dev) … end" },
  { "a handler that there is not", "function on.rest() end\n" .. row "a = { 0, rw },", 2, "on.rest",
    "no such handler; did you mean 'reset'?" },
  { "an event twice", "function event.a() end\nfunction event.a() end\n" .. row "a = { 0, rw },", 3, "event.a",
    "stands here twice; the first is on line 2" },
  -- options and device
  { "a second device", "device 'u' { id = '1:2' }\n" .. row "a = { 0, rw },", 2, "device",
    "a second device in one file, the first is on line 1" },
  { "an after while the file is read", "after(1, 'x')\n" .. row "a = { 0, rw },", 2, "after",
    "the device is not there yet" },
  { "a register set while the file is read", "dev.a = 5\n" .. row "a = { 0, rw },", 2, "dev.a",
    "registers are there for hooks; a value at the start is the row's reset" },
  { "a register looked at while the file is read", "local x = dev.a.x + 1\n" .. row "a = { 0, rw },", 2, "dev.a",
    "registers are there for hooks, once the whole file has been read" },
  { "an interrupt while the file is read", "raise(0)\n" .. row "a = { 0, rw },", 2, "raise",
    "while the file is read, the device is not there yet" },
  { "DMA while the file is read", "dma_read(0, buffer(4))\n" .. row "a = { 0, rw },", 2, "dma_read",
    "while the file is read, the device is not there yet" },
  { "a module that is not there", "local q = require 'nowhere.to.be'\n" .. row "a = { 0, rw },", 2, nil,
    "there is no" },
}

describe("mistakes", function()
  after_each(support.free_all)

  for _, case in ipairs(cases) do
    it(case[1], function()
      local list = support.mistakes(case[2])
      assert.is_table(list, "no mistake was found")
      local first = list[1]
      local text = mb.mistakes_text(list)
      assert.equals(case[3], first.line, text)
      if case[4] then assert.equals(case[4], first.row, text) end
      assert.is_truthy(first.message:find(case[5], 1, true), text .. "\nwanted: " .. case[5])
      assert.equals(1, #list, text)
      assert.matches("^/.-:" .. case[3] .. ": ", tostring(first))
    end)
  end

  it("of the device statement", function()
    for text, message in pairs {
      ['device "t" { id = "1234:5678", caps = { cap.pm } }'] =
        "caps[1] is a word without its braces; right would be caps = { cap.pm{}, … }",
      ['device "t" { id = "1234:5678", caps = { "pm" } }'] = 'caps[1] = "pm"; right would be caps = { cap.pm{}, … }',
      ['device "t" { id = "1234:5678", class = "0x088000" }'] = 'class = "0x088000"; right would be class = 0x088000',
      ['device "t" { id = 1234:5678 }'] = 'an id stands in quotes: id = "1234:11e8"',
      ['device "t" { idd = "1234:5678" }'] = "no option 'idd'; did you mean 'id'?",
      ['device "t" { "1234:5678" }'] = '"1234:5678" has no name; right would be id = "1234:5678"',
      ['device "t" { id = 0x12345678 }'] = 'id = 305419896; right would be "1234:11e8"',
      ['device "t" { id = "12345678" }'] = 'id = "12345678"; right would be "1234:11e8"',
      ['device "t" { id = "1234:5678", msi = 3 }'] = "MSI has 1, 2, 4, 8, 16 or 32 vectors, not 3",
      ['device "t" { id = "1234:5678", class = "x" }'] = "class = \"x\"; right would be class = 0x010802",
      ['device "t" { id = "1234:5678", rev = 256 }'] = "rev = 256; right would be 0 to 0xff",
      ['device "a b" { id = "1234:5678" }'] = 'the name "a b"',
      ['device { id = "1234:5678" }'] = 'right would be device "name" {',
      ["local x = 1"] = 'the file describes no device; right would be device "name" {',
      ['device "t" { vendor = 0x1abc, device = 0x32 }'] = 'right would be id = "1abc:0032"',
      ['device "t" { id = "1234:5678", interrupt = true }'] = "right would be intx = true, msi = 1 or msix = 1",
      ['device "t" { id = "1234:5678", intx = 1 }'] = "intx = 1; right would be intx = true",
      ['device "t" { id = "1234:5678", bars = {} }'] = "BARs stand after the device",
      ['device "t" { id = "1234:5678" }'] = "no BAR: a driver has nothing to read or write",
      ['device "t"'] = 'wants a table after it',
      ['device "t" { id = "1234:5678" }\nbar(0, 16) { a = { 0, ro, vector = 0 } }'] =
        "vector = 0: the device has no interrupt; right would be intx = true or msi = 1",
    } do
      local _, list = support.load(text)
      assert.is_table(list, text)
      assert.is_truthy(mb.mistakes_text(list):find(message, 1, true), text .. "\n" .. mb.mistakes_text(list))
    end
  end)

  it("of a file that is not there", function()
    local _, list = mb.load "no/such/file.lua"
    assert.equals("no/such/file.lua: cannot be read: No such file or directory", mb.mistakes_text(list))
  end)

  it("come all in one run, in the order of the file", function()
    local list = support.mistakes(row [[
a = { 0, rww },
b = { 4, rw, lock = "nothing" },
c = { 6, rw },
d = { 0x20, rw, witdh = 8 },
e = { 0x30, { f = rw(40), g = ro(1), h = rw(1) } },
f = { 0x40, const, write = function() undefined_word() end },]])
    local lines = {}
    for i, m in ipairs(list) do lines[i] = m.line end
    assert.same({ 3, 4, 5, 6, 7, 7, 8, 8 }, lines, mb.mistakes_text(list))
  end)

  it("of a file that is loaded again do not touch what runs", function()
    local path = os.tmpname()
    local function write(more)
      local f = assert(io.open(path, "w"))
      f:write('device "t" { id = "1234:5678", intx = true }\nfunction event.e(dev) dev.b = 1 end\n', more,
        '\nbar(0, 4096) { a = { 0, w1c, vector = 0 }, b = { 4, rw },\n',
        'go = { 8, rw, write = function() after(10, "e") end } }')
      f:close()
    end
    write ""
    local dev, t = support.start(assert(mb.load(path)))
    t.go = 1
    write "raise 'a'; dev.a = 7; dev.b.x = 1; cancel 'e'; level(0, true); after(1, 'e')"
    local ok, list = dev:reload()
    os.remove(path)
    assert.is_nil(ok)
    assert.equals(6, #list, mb.mistakes_text(list))
    assert.same({ 0, 0 }, { dev:peek "a", t:irq_take(0) })
    t:step(10)
    assert.equals(1, t.b)
  end)

  it("of other languages are all told, wherever the parser stopped", function()
    local list = support.mistakes(row([[
a = { 0, rw, 1 << 4 },   // don't
b = { 4, rw, write = function(dev, v)
  if (v & 1) != 0 then dev.a += "a != b" end      -- nor this: x || y
end },
--[[ neither
  this && that ]] .. "]]" .. [[ c = { 8, rw, 4K }
]]))
    local lines = {}
    for i, m in ipairs(list) do lines[i] = m.line .. m.message:sub(1, 26) end
    assert.same({ "3not Lua: lshift(value, bit", "5not Lua: not equal is ~=", "8not Lua: sizes are written" }, lines,
      mb.mistakes_text(list))
  end)

  it("of hooks and of rows come together, and a row's own mistake is not told again", function()
    local list = support.mistakes(row [[
a = { 0, rw, witdh = 8 },
b = { rw },
c = { 8, rw, write = function(dev, v) dev.aa = 1; dev.b = 2 end },]])
    local lines = {}
    for i, m in ipairs(list) do lines[i] = m.line .. " " .. m.message:sub(1, 12) end
    assert.same({ "3 no option 'w", "4 no offset; r", "5 dev.aa: t ha" }, lines, mb.mistakes_text(list))
  end)

  it("of other names than the model's are not looked for", function()
    local dev = assert(support.load([[
      device "t" { id = "1234:5678" }
      local t = { dev = 1 }
      local function f(v) if v then return v end end
      function event.e(dev, req) if req then dev.a = req.size end end
      bar(0, 16) { a = { 0, rw, write = function(dev, v, access, i)
        local x = t.dev
        for dev in pairs(t) do x = dev.foo end
        if dev.a ~= 0 and i then x = f(t.go) end
        if t.go then return x end
      end }, go = { 4, { go = rw(0) } } }]]))
    dev:free()
  end)

  it("of options' words", function()
    for text, message in pairs {
      ['option("n", 4, 5)'] = 'what n is stands in quotes: option("n", 4, "what it is"); not a number',
      ['option("n", {})'] = "the default of n is a table; right would be a number, a string, true or false",
      ['option(5)'] = "the name 5; right would be option(",
    } do
      local _, list = support.load('device "t" { id = "1234:5678" }\nlocal n = ' .. text
        .. "\nbar(0, 16) { a = { 0, rw } }")
      assert.equals(1, #list)
      assert.matches(message, mb.mistakes_text(list), 1, true)
    end
  end)

  it("of options", function()
    local text = 'device "t" { id = "1234:5678" }\nlocal n = option("size", 4, "how big")\n' ..
      'bar(0, 16) { a = { 0, rw, n } }'
    local _, list = support.load(text, { siz = "5" })
    assert.matches("no option 'siz' %(given as siz=5%); did you mean 'size'%?", mb.mistakes_text(list))
    _, list = support.load(text, { size = "many" })
    assert.equals(2, list[1].line)
    assert.matches("size=many; right would be a number, as in 4096, 0x1000, 4K or 1G",
      mb.mistakes_text(list), 1, true)
  end)

  -- Whatever stands in a file, loading it ends with a device or with mistakes that have lines, not with an
  -- error of the library's own.
  it("of any kind are found: a file with random changes", function()
    local seed = tonumber(os.getenv "SEED") or os.time()
    math.randomseed(seed)
    local f = assert(io.open "lua/devices/edu.lua")
    local text = f:read "*a"
    f:close()
    local tokens, pos = {}, 1
    while pos <= #text do
      local _, stop = text:find("^%s+", pos)
      if not stop then _, stop = text:find("^[%w_]+", pos) end
      if not stop then _, stop = text:find('^"[^"\n]*"', pos) end
      tokens[#tokens + 1] = text:sub(pos, stop or pos)
      pos = (stop or pos) + 1
    end
    local pool = { "nil", "-1", "1e300", "0/0", "{}", '""', "rw", "rw(3)", 'w1c "status"', "function() end", "true",
      "0x8000000000000000ULL", ",", "}", "{", "=", "const", '"status.computing"', "bar", "device", "nothing" }
    for _ = 1, 400 do
      local t = {}
      for i, token in ipairs(tokens) do t[i] = token end
      for _ = 1, math.random(3) do
        local i = math.random(#t)
        local what = math.random(4)
        if what == 1 then t[i] = "" elseif what == 2 then t[i] = t[math.random(#t)]
        else t[i] = pool[math.random(#pool)] end
      end
      local mutant = table.concat(t)
      local ok, dev, list = pcall(support.load, mutant)
      assert.is_true(ok, ("SEED=%d: %s\n%s"):format(seed, tostring(dev), mutant))
      if dev then dev:free() end
      for _, m in ipairs(list or {}) do
        assert.is_true(m.line > 0 and not m.message:find("lib/moonbar", 1, true),
          ("SEED=%d: %s\n%s"):format(seed, tostring(m), mutant))
      end
    end
  end)
end)
