--[[
The service's own registry: one table for each claim, and one coroutine that walks over all of them
at each epoch boundary. Run by loadtest/baseline/interpreter.ts.
]]
local claims = {}
local count = 0

--- Takes facts as lines of status letter, claim id, player, timestamp and end epoch, each but the
--- first after a tab.
function learn(facts)
  for letter, id, player, timestamp, ends in
    string.gmatch(facts, '(%a)\t([^\t]*)\t([^\t]*)\t(%d+)\t(%d+)\n')
  do
    if not claims[id] then count = count + 1 end
    claims[id] = {
      claim_id = id,
      player_id = player,
      timestamp_ms = tonumber(timestamp),
      ends = tonumber(ends),
      status = letter,
    }
  end
end

local function walk_claims()
  local pending, expired, removed = 0, 0, 0
  while true do
    local epoch, retention = coroutine.yield(pending, expired, removed)
    pending, expired, removed = 0, 0, 0
    for id, claim in pairs(claims) do
      local age = epoch - claim.ends
      if age > retention then
        claims[id] = nil
        count = count - 1
        removed = removed + 1
      elseif claim.status == 'P' and age >= 0 then
        claim.status = 'E'
        expired = expired + 1
      elseif claim.status == 'P' then
        pending = pending + 1
      end
    end
  end
end

local epoch_loop = coroutine.create(walk_claims)
assert(coroutine.resume(epoch_loop))

--- Walks over all claims in an epoch. Returns how many are pending, have expired, were removed.
function advance(epoch, retention)
  local _, pending, expired, removed = assert(coroutine.resume(epoch_loop, epoch, retention))
  return pending, expired, removed
end

--- Returns the number of tables of claims, and the bytes that the interpreter has in use, garbage too.
function usage()
  return count, math.floor(collectgarbage('count') * 1024)
end

--- The same after a full collection.
function collected_usage()
  collectgarbage()
  return usage()
end
