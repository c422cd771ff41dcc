--[[
Decides one claim, in Redis: one call of this script for each call of the service.

KEYS    registry
ARGV    operation ('submit', 'validate' or 'get'), claim id, player id, epoch, retention in epochs;
        for a submit also timestamp and expiry epoch
Returns outcome and status by their numbers in claims.proto, timestamp, player; the last two are ''
        where the claim is not told.
]]
local operation, id, player = ARGV[1], ARGV[2], ARGV[3]
local epoch, retention = tonumber(ARGV[4]), tonumber(ARGV[5])
local ACCEPTED, REPLAYED, TAKEN, EXPIRED, NOT_FOUND, FOUND = 1, 2, 3, 4, 5, 8
local PENDING, VALIDATED, STATUS = 1, 2, { P = 1, V = 2, E = 3 }

local function status_of(letter, ends)
  if letter == 'P' and tonumber(ends) <= epoch then return STATUS.E end
  return STATUS[letter]
end

local value = redis.call('HGET', KEYS[1], id)
local letter, time, ends, owner
if value then letter, time, ends, owner = string.match(value, '^(%a)|(%d+)|(%d+)|(.*)$') end
local known = letter and epoch - tonumber(ends) <= retention

if not known then
  if operation ~= 'submit' then return { NOT_FOUND, 0, '', '' } end
  redis.call('HSET', KEYS[1], id, 'P|' .. ARGV[6] .. '|' .. ARGV[7] .. '|' .. player)
  return { ACCEPTED, status_of('P', ARGV[7]), ARGV[6], player }
end

local status = status_of(letter, ends)
if operation == 'get' then return { FOUND, status, time, owner } end
if owner ~= player then return { TAKEN, 0, '', '' } end
if operation == 'submit' then return { REPLAYED, status, time, owner } end
if status == PENDING then
  redis.call('HSET', KEYS[1], id, 'V|' .. time .. '|' .. ARGV[4] .. '|' .. owner)
  return { ACCEPTED, VALIDATED, time, owner }
end
return { status == VALIDATED and REPLAYED or EXPIRED, status, time, owner }
