--[[
Adds claims of another registry to one shard, each unless a claim of its identity is there. Bounded
by its claims. The shard has passed the boundary of the epoch asked for before; the same call again
adds nothing.

KEYS    registry, epochs
ARGV    1  epoch that the shard has been shown at least
        2  retention, epochs
        3  '1' to write, '0' only to say what would be done
        then for each claim five:
           field, status letter, timestamp, epoch in which it expires by the rule, player

What is pending here counts as submitted now and falls due in its own epoch, as if it had been
submitted; what had expired before anyone could validate it here counts as both at once. What
ended elsewhere was counted there.

Returns a letter for each claim:
        'P', 'V', 'E'  added as pending, validated, expired
        'S'            its player has it
        'T'            another player has it
        'R'            not added: it is past retention
        'U'            not added: what is there can't be read
or, with nothing done, 'behind': the shard has not been shown the epoch.
]]
local call, match = redis.call, string.match
local CLAIM_ARGS, FIRST_ARG = 5, 4
local VALUE = '^[PVE]|(%d+)|(%d+)|([^%c]+)$'

local asked, retention, writes_at_all = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local epoch = tonumber(call('HGET', KEYS[2], 'epoch') or 0)
local submitted, expired, due = 0, 0, {}

--- Lua writes numbers with 14 digits; epochs may have 16.
local function whole(number) return string.format('%.0f', number) end

--- The player of a claim that is there; nil where there is none, or it is past retention; false
--- where it can't be read.
local function player_of(value)
  if not value then return nil end
  local time, ends, player = match(value, VALUE)
  if not time or #time > 16 or #ends > 16 or #player > 64 then return false end
  if epoch - tonumber(ends) > retention then return nil end
  return player
end

--- What a new claim becomes: its letter, and the epoch of its end or, while it is pending, its expiry.
local function born(letter, expiry)
  if letter == 'V' then return 'V', epoch end
  if letter == 'P' and expiry > epoch then return 'P', expiry end
  -- It has ended, so not later than now, though by the rule here it may yet have had time.
  return 'E', math.min(expiry, epoch)
end

local function count(was, letter, ends)
  if was ~= 'P' then return end
  submitted = submitted + 1
  if letter == 'P' then due[ends] = (due[ends] or 0) + 1 else expired = expired + 1 end
end

local function add_counts()
  if submitted == 0 then return end
  call('HINCRBY', KEYS[2], 'submitted', submitted)
  call('HINCRBY', KEYS[2], 'expired', expired)
  call('HINCRBY', KEYS[2], 'pending', submitted - expired)
  for ends, claims in pairs(due) do call('HINCRBY', KEYS[2], 'due:' .. whole(ends), claims) end
end

if writes_at_all and epoch < asked then return 'behind' end
epoch = math.max(epoch, asked)

local fields, codes, writes, added = {}, {}, {}, {}
for at = FIRST_ARG, #ARGV, CLAIM_ARGS do fields[#fields + 1] = ARGV[at] end
if #fields == 0 then return '' end
local found = call('HMGET', KEYS[1], unpack(fields))

for i, field in ipairs(fields) do
  local at = FIRST_ARG + (i - 1) * CLAIM_ARGS
  local was, time, expiry, player = ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local owner = added[field]
  if owner == nil then owner = player_of(found[i]) end
  if owner == false then
    codes[i] = 'U'
  elseif owner then
    codes[i] = owner == player and 'S' or 'T'
  else
    local letter, ends = born(was, expiry)
    if epoch - ends > retention then
      codes[i] = 'R'
    else
      codes[i] = letter
      added[field] = player
      writes[#writes + 1] = field
      writes[#writes + 1] = letter .. '|' .. time .. '|' .. whole(ends) .. '|' .. player
      count(was, letter, ends)
    end
  end
end

if writes_at_all and #writes > 0 then
  call('HSET', KEYS[1], unpack(writes))
  add_counts()
end
return table.concat(codes)
