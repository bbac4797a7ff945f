-- The script of a store: KEYS[1] is the hash of a user's entries, KEYS[2] the sorted set of
-- the user's ended ids. ARGV[1] is what to do, ARGV[2] the field of the entry: each name of
-- the hash ends with it.
--
-- go-redis sends a command again when the connection broke before the answer came. The first
-- copy may have been executed, or may arrive later than the second. So the script recognizes
-- its own work by the random id that it brings:
--
--  * A write that replaced a version must not report a conflict with itself, because its
--    caller would then give up the only refresh token that X accepts.
--  * A copy of a write must not end a lease that another caller took on its version.
--  * A late copy must not write a value that was replaced or deleted meanwhile.
--
-- An ended id is a version that was replaced or deleted, or the id of a delete that was done.
-- The set's scores are times in seconds. Each write removes ids older than a minute, and the
-- set expires a minute after the last one.
--
-- A full Redis refuses commands that need memory, but only before a script's first write. So
-- what must work there begins with HDEL.
local key, op, field = KEYS[1], ARGV[1], ARGV[2]
local version = redis.call('HGET', key, 'version:' .. field)

local function ended(id)
  return redis.call('ZSCORE', KEYS[2], id)
end

local function finish(...)
  local now = redis.call('TIME')[1]
  for _, id in ipairs({...}) do
    redis.call('ZADD', KEYS[2], now, id)
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - 60))
  redis.call('EXPIRE', KEYS[2], 60)
end

local function unlease()
  redis.call('HDEL', key, 'lease:' .. field, 'until:' .. field, 'length:' .. field)
end

-- write takes the new version, the value and the user's id. With one more argument, the
-- version to replace or the empty string for no entry, it returns 0 if the entry has another
-- version.
if op == 'write' then
  local new, value, user, old = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
  if version == new or ended(new) then
    return 1
  end
  if old and version ~= old and (version or old ~= '') then
    return 0
  end
  redis.call('HSET', key, 'version:' .. field, new, 'value:' .. field, value, 'user:' .. field, user)
  unlease()
  if version then
    finish(version)
  end
  return 1
end

-- delete takes the version and the id of the delete. It returns 0 if the entry has another
-- version.
if op == 'delete' then
  local old, id = ARGV[3], ARGV[4]
  if not version or ended(id) then
    return 1
  end
  if version ~= old then
    return 0
  end
  redis.call('HDEL', key, 'version:' .. field, 'value:' .. field, 'user:' .. field)
  unlease()
  finish(version, id)
  return 1
end

-- lease takes the new lease's id, the version and the length in microseconds. It returns 0,
-- or how many microseconds another lease still runs, or -1 if the entry has another version.
-- A lease that is taken twice under one id begins again, because its caller counts from the
-- answer.
local holder = redis.call('HGET', key, 'lease:' .. field)
if op == 'lease' then
  local id, length = ARGV[3], ARGV[5]
  if version ~= ARGV[4] then
    return -1
  end
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
  if holder and holder ~= id then
    local left = tonumber(redis.call('HGET', key, 'until:' .. field)) - now
    if left > 0 and left <= tonumber(redis.call('HGET', key, 'length:' .. field)) then
      return left
    end
  end
  local till = string.format('%.0f', now + tonumber(length))
  redis.call('HSET', key, 'lease:' .. field, id, 'until:' .. field, till, 'length:' .. field, length)
  return 0
end

-- release takes the lease's id.
if holder == ARGV[3] then
  unlease()
end
return 0
