-- SPDX-License-Identifier: MIT
-- fold.lua: registers that repeat, made shorter: data0, data1, data2, data3 become an array, and arrays that step
-- together (ch0_ctrl, ch0_len, ch1_ctrl, ch1_len …) a group. Only what is alike in all but its number is folded.
--
-- Try it:  ./moonbar import FILE.svd
local M = {}

-- ---- which are alike ----------------------------------------------------------------------------

local function doc_shape(doc) return (doc or ""):gsub("%d+", "#") end

local function enum_shape(enum)
  local parts = {}
  for v, name in pairs(enum or {}) do parts[#parts + 1] = v .. "=" .. name end
  table.sort(parts)
  return table.concat(parts, ",")
end

-- All that two registers must have in common.
local function shape(row)
  local parts = { row.width, tostring(row.access), tostring(row.reset), doc_shape(row.doc),
    table.concat(row.notes, ";"), tostring(row.volatile), doc_shape(row.details) }
  for _, f in ipairs(row.fields or {}) do
    parts[#parts + 1] = table.concat({ f.name, f.lo, f.hi, f.access, enum_shape(f.enum), doc_shape(f.doc) }, "|")
  end
  return table.concat(parts, "\n")
end

-- ---- arrays -------------------------------------------------------------------------------------

-- { key = { prefix, suffix, rows by number } }: each way to see a name as one with a number in it.
local function families(rows)
  local found, order = {}, {}
  for _, row in ipairs(rows) do
    if not row.is_group and not row.count and not row.alias then
      for from, digits, to in row.name:gmatch("()(%d+)()") do
        local prefix, suffix = row.name:sub(1, from - 1), row.name:sub(to)
        if #digits <= 5 and prefix:match("%a") and not (#digits > 1 and digits:sub(1, 1) == "0") then
          local key = prefix .. "#" .. suffix
          if not found[key] then
            found[key] = { prefix = prefix, suffix = suffix, rows = {} }
            order[#order + 1] = found[key]
          end
          found[key].rows[tonumber(digits)] = row
        end
      end
    end
  end
  return order
end

-- The run of a family from its first number on: alike and evenly apart. { first, rows, stride } or nil.
local function run_of(family, used)
  local first = family.rows[0] and 0 or 1
  local run, shape0, stride = {}, nil, nil
  for n = first, 1e6 do
    local row = family.rows[n]
    if not row or used[row] then break end
    shape0 = shape0 or shape(row)
    if shape(row) ~= shape0 then break end
    local before = run[#run]
    if before then
      local step = row.offset - before.offset
      if stride and step ~= stride or step < row.width / 8 then break end
      stride = step
    end
    run[#run + 1] = row
  end
  if #run < (first == 0 and 2 or 3) then return nil end
  return { first = first, rows = run, stride = stride }
end

local function numberless(doc, first)
  if not doc then return nil end
  local text = doc:gsub("%f[%w](%a*)" .. first .. "%f[^%w]", "%1n")
  return text
end

local function array_of(family, run, name)
  local row = {}
  for k, v in pairs(run.rows[1]) do row[k] = v end
  row.name, row.count, row.stride = name, #run.rows, run.stride
  row.doc = numberless(row.doc, run.first)
  row.first, row.family = run.first, family
  if run.first > 0 then
    row.notes = { ("%s to %s in the data sheet"):format(run.rows[1].name, run.rows[#run.rows].name), unpack(row.notes) }
  end
  return row
end

local function fold_arrays(rows)
  local list, used, taken, arrays = families(rows), {}, {}, {}
  for _, row in ipairs(rows) do taken[row.name] = true end
  for i, family in ipairs(list) do
    family.order, family.size = i, 0
    for _ in pairs(family.rows) do family.size = family.size + 1 end
  end
  table.sort(list, function(a, b)
    if a.size ~= b.size then return a.size > b.size end
    return a.order < b.order
  end)
  for _, family in ipairs(list) do
    local run = run_of(family, used)
    local name = (family.prefix:gsub("_+$", "") .. (family.suffix ~= "" and "_" .. family.suffix:gsub("^_+", "") or ""))
    if run and not taken[name] and not name:match("_$") then
      taken[name] = true
      for _, row in ipairs(run.rows) do used[row] = true end
      arrays[#arrays + 1] = array_of(family, run, name)
    end
  end
  local out = {}
  for _, row in ipairs(rows) do
    if not used[row] then out[#out + 1] = row end
  end
  for _, row in ipairs(arrays) do out[#out + 1] = row end
  table.sort(out, function(a, b) return a.offset < b.offset end)
  return out
end

-- ---- groups -------------------------------------------------------------------------------------

local function group_of(rows, name)
  local group = { name = name, offset = rows[1].offset, is_group = true, count = rows[1].count,
    stride = rows[1].stride, rows = {}, notes = {}, line = rows[1].line }
  for _, row in ipairs(rows) do
    row.name = row.family.suffix:gsub("^_+", "")
    row.offset, row.count, row.stride = row.offset - group.offset, nil, nil
    if row.first > 0 then
      table.remove(row.notes, 1)
      group.notes[1] = ("counted from %d in the data sheet"):format(row.first)
    end
    group.rows[#group.rows + 1] = row
  end
  return group
end

-- Of arrays that step together, in order of place, those that one step holds.
local function within_stride(set)
  local kept = {}
  for _, row in ipairs(set) do
    if row.offset + row.width / 8 - set[1].offset <= set[1].stride then kept[#kept + 1] = row end
  end
  return kept
end

local function fold_groups(rows)
  local sets, order, out, taken = {}, {}, {}, {}
  for _, row in ipairs(rows) do
    taken[row.name] = true
    local f = row.family
    if f and f.suffix:match("^_*%a") then
      local key = table.concat({ f.prefix, row.count, row.stride, row.first }, "|")
      if not sets[key] then
        sets[key] = {}
        order[#order + 1] = key
      end
      table.insert(sets[key], row)
    end
  end
  local gone = {}
  for _, key in ipairs(order) do
    local set = within_stride(sets[key])
    local name = set[1].family.prefix:gsub("_+$", "")
    if #set > 1 and not taken[name] then
      taken[name] = true
      for _, row in ipairs(set) do gone[row] = true end
      out[#out + 1] = group_of(set, name)
    end
  end
  for _, row in ipairs(rows) do
    if not gone[row] then out[#out + 1] = row end
  end
  table.sort(out, function(a, b) return a.offset < b.offset end)
  return out
end

-- Fold the rows of @space.
function M.fold(space)
  space.rows = fold_groups(fold_arrays(space.rows))
end

return M
