--[[
The summaries of complete epochs, in one or more shards. Bounded by the epochs asked for, which are
no more than are kept.

KEYS    for each shard: epochs, summaries
ARGV    1, 2  first and last epoch asked for
        3     epochs whose summaries are kept

Returns, for each shard, an array: its epoch; where every epoch asked for is complete and kept
there, also the last summary before them ('' for none), then the summaries of their buckets: rows
'<epoch>:<submitted>|<validated>|<expired>|<pending>' separated by blanks, '' for none.
]]
local call, match = redis.call, string.match
local BUCKET_EPOCHS = 64
local from, to, history = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local first_bucket = from - from % BUCKET_EPOCHS

local function whole(number) return string.format('%.0f', number) end

--- The last summary of an epoch before `from`: in its own bucket, or in the last one before.
local function before(key, rows)
  local last = ''
  for row, at in string.gmatch(rows, '((%d+):%S+)') do
    if tonumber(at) < from then last = row end
  end
  if last ~= '' then return last end
  -- Nearly always there is activity a bucket earlier; else all their names are looked through.
  local previous = call('HGET', key, whole(first_bucket - BUCKET_EPOCHS))
  if previous then return match(previous, '%S+$') end
  local bucket = -1
  for _, field in ipairs(call('HKEYS', key)) do
    local at = tonumber(field)
    if at and at < first_bucket and at > bucket then bucket = at end
  end
  if bucket < 0 then return '' end
  return match(call('HGET', key, whole(bucket)), '%S+$')
end

local function summaries(epochs_key, summaries_key)
  local highest = tonumber(call('HGET', epochs_key, 'epoch') or 0)
  local told = { whole(highest) }
  if to >= highest or from < math.max(0, highest - history) then return told end
  local buckets = {}
  for bucket = first_bucket, to, BUCKET_EPOCHS do buckets[#buckets + 1] = whole(bucket) end
  local rows = call('HMGET', summaries_key, unpack(buckets))
  told[2] = before(summaries_key, rows[1] or '')
  for i = 1, #buckets do told[i + 2] = rows[i] or '' end
  return told
end

local answer = {}
for i = 1, #KEYS, 2 do answer[#answer + 1] = summaries(KEYS[i], KEYS[i + 1]) end
return answer
