--[[
Deletes those of the claims named that are past retention by the shard's own epoch, and summaries
that are no longer told. Bounded by the claims named, and by the buckets of what is kept.

KEYS    registry, epochs, summaries
ARGV    1  retention, epochs
        2  epochs whose summaries are kept
        3  buckets of summaries dropped at most
        4  fields of the claims, in MessagePack

Returns how many claims it deleted.
]]
local call = redis.call
local VALUE = '^[PVE]|%d+|(%d+)|[^%c]+$'
local BUCKET_EPOCHS = 64
local epoch = tonumber(call('HGET', KEYS[2], 'epoch') or 0)

local function past_retention(value)
  local ends = value and tonumber(string.match(value, VALUE))
  return ends and epoch - ends > tonumber(ARGV[1])
end

local function delete_claims(fields)
  if #fields == 0 then return 0 end
  local values, past = call('HMGET', KEYS[1], unpack(fields)), {}
  for i, field in ipairs(fields) do
    if past_retention(values[i]) then past[#past + 1] = field end
  end
  return #past > 0 and call('HDEL', KEYS[1], unpack(past)) or 0
end

--- The newest bucket of those too old to tell stays: it says how many claims were pending since.
local function drop_summaries()
  local old = {}
  for _, field in ipairs(call('HKEYS', KEYS[3])) do
    local at = tonumber(field)
    if at and at + BUCKET_EPOCHS <= epoch - tonumber(ARGV[2]) then old[#old + 1] = at end
  end
  table.sort(old)
  for i = 1, math.min(#old - 1, tonumber(ARGV[3])) do
    call('HDEL', KEYS[3], string.format('%.0f', old[i]))
  end
end

drop_summaries()
return delete_claims({ cmsgpack.unpack(ARGV[4]) })
