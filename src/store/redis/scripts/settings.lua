--[[
Makes the registry's settings where there are none, and tells those that it has.

KEYS    settings
ARGV    fields and values to make them with; none: only tell

Returns fields and values, flat.
]]
if #ARGV > 0 and redis.call('EXISTS', KEYS[1]) == 0 then redis.call('HSET', KEYS[1], unpack(ARGV)) end
return redis.call('HGETALL', KEYS[1])
