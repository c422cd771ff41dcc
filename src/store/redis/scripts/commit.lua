--[[
Decides a batch by the rules of src/domain/rules.ts, in one or more shards, and counts what it
changes; with no items it only shows the shards an epoch. Bounded by its items and, where it
passes an epoch boundary, by the epochs in which pending claims fall due.

KEYS    the commit's fence, that of the other commit which the replica may have in flight, then for
        each shard: registry, epochs, summaries
ARGV    1  number of the commit, growing with each of a replica; '' for none: no fence is kept
        2  epoch asked for
        3  highest epoch that the registry is known to have reached
        4  retention, epochs
        5  length of an epoch, milliseconds
        6  how far an epoch may be ahead of this server's clock, milliseconds
        7  how long the fence is kept, seconds
        8  '1' where a shard that has no epoch yet may be begun
        9  number of the commit to decide before, which the other fence is to hold; '' for none
        then for each shard two, in MessagePack: the items' fields, and the items themselves:
           1 end value     submit; end: its expiry epoch, value: the new claim's, pending
           2 player        validate
           3               get
           4               expire

Returns 'D<epoch>\n<codes>\n<values>': a letter for each item (see code), and the claim's value
after the decision for each whose claim is told, but for a submit that was accepted; or
        'A<epoch>'  the epoch is ahead of this server's clock; <epoch> is the latest it allows
        'N'         a shard has no epoch yet, and may not be begun
        'S'         a later commit of this replica has been decided: this one came too late
        'W'         the commit to decide before has not been decided: this one came too early

Everything is read before anything is written, so that a key of another type changes nothing.
]]
local call, match, format, sub = redis.call, string.match, string.format, string.sub
local FENCES, SHARD_KEYS, SHARD_ARGS, FIRST_ARG = 2, 3, 2, 10
local SUBMIT, VALIDATE, GET = 1, 2, 3
--- By operation: how many values an item has.
local ITEM_VALUES = { 3, 2, 1, 1 }
local BUCKET_EPOCHS = 64
local VALUE = '^([PVE])|(%d+)|(%d+)|([^%c]+)$'

--- Outcome and status, with the numbers of claims.proto, as one printable character.
local function code(outcome, status) return string.char(48 + outcome * 4 + status) end
local STATUS = { P = 1, V = 2, E = 3 }
local ACCEPTED_PENDING, ACCEPTED_VALIDATED, ACCEPTED_EXPIRED = code(1, 1), code(1, 2), code(1, 3)
local REPLAYED = { code(2, 1), code(2, 2), code(2, 3) }
local TAKEN, NOT_FOUND, UNREADABLE = code(3, 0), code(5, 0), code(7, 0)
local EXPIRED = { code(4, 1), code(4, 2), code(4, 3) }
local FOUND = { code(8, 1), code(8, 2), code(8, 3) }

local seq = ARGV[1]
local epoch, reached, retention = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

--- Lua writes numbers with 14 digits; epochs may have 16.
local function whole(number) return format('%.0f', number) end

--- The commit whose answer a fence holds; 0 for none.
local function fenced(key) return tonumber(match(call('GETRANGE', key, 0, 16), '^%d+')) or 0 end

--- What is answered without deciding: where this very commit was decided before and only the answer
--- was lost, and where it is not its turn.
local function answered_before()
  local number, own, other = tonumber(seq), fenced(KEYS[1]), fenced(KEYS[2])
  if own == number then return match(call('GET', KEYS[1]), '^%d+ (.*)$') end
  if own > number or other > number then return 'S' end
  if ARGV[9] ~= '' and other ~= tonumber(ARGV[9]) then return 'W' end
  return nil
end

--- Keeps the answer in the commit's fence. The other is made too where there is none: a cluster refuses
--- a call of which one key is missing while its slot is moved.
local function keep(answer)
  call('SET', KEYS[1], seq .. ' ' .. answer, 'EX', ARGV[7])
  call('SET', KEYS[2], '0', 'EX', ARGV[7], 'NX')
end

--- A count or epoch as it is kept; 0 where there is none yet.
local function number_of(text, key)
  if not text then return 0 end
  return tonumber(text) or error(key .. ' holds ' .. text .. ' instead of a number')
end

local function read_shard(first_key, first_arg)
  local shard = { registry = KEYS[first_key], epochs = KEYS[first_key + 1], summaries = KEYS[first_key + 2] }
  local kept = call('HMGET', shard.epochs, 'epoch', 'pending', 'submitted', 'validated', 'expired')
  for i, name in ipairs({ 'epoch', 'pending', 'submitted', 'validated', 'expired' }) do
    shard[name] = number_of(kept[i], shard.epochs)
  end
  shard.is_new = not kept[1]
  shard.changed = shard.is_new
  shard.fields = { cmsgpack.unpack(ARGV[first_arg]) }
  shard.items = { cmsgpack.unpack(ARGV[first_arg + 1]) }
  shard.found = #shard.fields > 0 and call('HMGET', shard.registry, unpack(shard.fields)) or {}
  return shard
end

local function read_shards()
  local shards = {}
  for i = 1, (#KEYS - FENCES) / SHARD_KEYS do
    shards[i] = read_shard(FENCES + 1 + (i - 1) * SHARD_KEYS, FIRST_ARG + (i - 1) * SHARD_ARGS)
  end
  return shards
end

--- The latest epoch that this server's clock bears out.
local function latest_epoch()
  local time = call('TIME')
  local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  return math.floor((now_ms + tonumber(ARGV[6])) / tonumber(ARGV[5]))
end

local function add_summary(shard, of, submitted, validated, expired)
  local bucket = whole(of - of % BUCKET_EPOCHS)
  local row = whole(of) .. ':' .. submitted .. '|' .. validated .. '|' .. expired .. '|' .. shard.pending
  local rows = call('HGET', shard.summaries, bucket)
  call('HSET', shard.summaries, bucket, rows and rows .. ' ' .. row or row)
end

--- What falls due up to `epoch`, as { epoch, count }, in order; it is forgotten.
local function take_due(shard)
  local kept = call('HGETALL', shard.epochs)
  local due = {}
  for i = 1, #kept, 2 do
    local at = tonumber(match(kept[i], '^due:(%d+)$'))
    if at and at <= epoch then
      due[#due + 1] = { at, number_of(kept[i + 1], shard.epochs) }
      call('HDEL', shard.epochs, kept[i])
    end
  end
  table.sort(due, function(a, b) return a[1] < b[1] end)
  return due
end

--- Passes every boundary up to `epoch`: what is due in an epoch expires when it begins.
local function pass(shard)
  if shard.submitted + shard.validated + shard.expired > 0 then
    add_summary(shard, shard.epoch, shard.submitted, shard.validated, shard.expired)
  end
  shard.submitted, shard.validated, shard.expired = 0, 0, 0
  for _, due in ipairs(take_due(shard)) do
    local at, count = due[1], due[2]
    shard.pending = shard.pending - count
    if at == epoch then shard.expired = count
    elseif count > 0 then add_summary(shard, at, 0, 0, count) end
  end
  shard.epoch = epoch
  shard.changed = true
end

--- The parts of a claim's value: letter, status in this epoch, end, time, player; nothing where there
--- is no claim or it is past retention; false where the value can't be read.
local function claim_of(value)
  if not value then return nil end
  local letter, time, ends, player = match(value, VALUE)
  if not letter or #time > 16 or #ends > 16 or #player > 64 then return false end
  ends = tonumber(ends)
  if epoch - ends > retention then return nil end
  local status = STATUS[letter]
  if status == 1 and ends <= epoch then status = 3 end
  return letter, status, ends, time, player
end

-- Each of these decides one item: returns its code, the value that is told, the value to write.

local function submit_new(shard, ends, value)
  shard.submitted = shard.submitted + 1
  shard.changed = true
  if ends <= epoch then
    shard.expired = shard.expired + 1
    return ACCEPTED_EXPIRED, nil, 'E' .. sub(value, 2)
  end
  shard.pending = shard.pending + 1
  shard.due[ends] = (shard.due[ends] or 0) + 1
  return ACCEPTED_PENDING, nil, value
end

local function submit_again(asked, value, status, player)
  if match(asked, '^P|%d+|%d+|(.+)$') ~= player then return TAKEN end
  return REPLAYED[status], value
end

local function validate(shard, asker, value, status, ends, time, player)
  if asker ~= player then return TAKEN end
  if status ~= 1 then return status == 2 and REPLAYED[2] or EXPIRED[3], value end
  shard.validated = shard.validated + 1
  shard.pending = shard.pending - 1
  shard.due[ends] = (shard.due[ends] or 0) - 1
  shard.changed = true
  value = 'V|' .. time .. '|' .. shard.epoch_text .. '|' .. player
  return ACCEPTED_VALIDATED, value, value
end

local function expire(value, letter, status)
  if letter ~= 'P' or status ~= 3 then return EXPIRED[status], value end
  value = 'E' .. sub(value, 2)
  return EXPIRED[3], value, value
end

--- Decides a shard's items in their order; returns what it writes, as fields and values.
local function decide(shard, codes, values)
  local fields, items, found = shard.fields, shard.items, shard.found
  local writes, written, at = {}, {}, 1
  for i = 1, #fields do
    local field, operation = fields[i], items[at]
    local value = written[field] or found[i]
    local letter, status, ends, time, player = claim_of(value)
    local decided, told, new
    if letter == false then
      decided = UNREADABLE
    elseif operation == SUBMIT then
      if letter then decided, told = submit_again(items[at + 2], value, status, player)
      else decided, told, new = submit_new(shard, items[at + 1], items[at + 2]) end
    elseif not letter then
      decided = NOT_FOUND
    elseif operation == VALIDATE then
      decided, told, new = validate(shard, items[at + 1], value, status, ends, time, player)
    elseif operation == GET then
      decided, told = FOUND[status], value
    else
      decided, told, new = expire(value, letter, status)
    end
    codes[#codes + 1] = decided
    if told then values[#values + 1] = told end
    if new then
      writes[#writes + 1] = field
      writes[#writes + 1] = new
      written[field] = new
    end
    at = at + ITEM_VALUES[operation]
  end
  return writes
end

local function write_shard(shard, writes)
  if #writes > 0 then call('HSET', shard.registry, unpack(writes)) end
  if not shard.changed then return end
  for at, change in pairs(shard.due) do
    if change ~= 0 then call('HINCRBY', shard.epochs, 'due:' .. whole(at), change) end
  end
  call('HSET', shard.epochs, 'epoch', shard.epoch_text, 'pending', shard.pending,
    'submitted', shard.submitted, 'validated', shard.validated, 'expired', shard.expired)
end

local function main()
  local before = seq ~= '' and answered_before()
  if before then return before end
  local shards = read_shards()
  local highest = 0
  for _, shard in ipairs(shards) do
    if shard.is_new and ARGV[8] ~= '1' then return 'N' end
    highest = math.max(highest, shard.epoch)
  end
  if epoch > highest and epoch > reached then
    local latest = latest_epoch()
    if epoch > latest then return 'A' .. whole(latest) end
  end
  epoch = math.max(epoch, highest)
  local codes, values = {}, {}
  for _, shard in ipairs(shards) do
    shard.due, shard.epoch_text = {}, whole(epoch)
    if shard.epoch < epoch then pass(shard) end
    write_shard(shard, decide(shard, codes, values))
  end
  local answer = 'D' .. whole(epoch) .. '\n' .. table.concat(codes) .. '\n' .. table.concat(values, '\n')
  if seq ~= '' then keep(answer) end
  return answer
end

return main()
