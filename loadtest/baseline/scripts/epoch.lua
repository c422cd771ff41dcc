--[[
An epoch boundary in one call: walks every field of the registry, makes the overdue expired and
removes what is past retention.

KEYS    registry
ARGV    epoch, retention in epochs
Returns how many claims are pending, have expired, were removed.
]]
local epoch, retention = tonumber(ARGV[1]), tonumber(ARGV[2])
local claims = redis.call('HGETALL', KEYS[1])
local pending, expired, removed = 0, 0, 0
for i = 1, #claims, 2 do
  local letter, time, ends, player = string.match(claims[i + 1], '^(%a)|(%d+)|(%d+)|(.*)$')
  local age = epoch - tonumber(ends)
  if age > retention then
    redis.call('HDEL', KEYS[1], claims[i])
    removed = removed + 1
  elseif letter == 'P' and age >= 0 then
    redis.call('HSET', KEYS[1], claims[i], 'E|' .. time .. '|' .. ends .. '|' .. player)
    expired = expired + 1
  elseif letter == 'P' then
    pending = pending + 1
  end
end
return { pending, expired, removed }
