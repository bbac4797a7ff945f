package redisstore

import "github.com/redis/go-redis/v9"

// go-redis sends a command again when the connection broke before the answer came. The
// first copy may have been executed, or may arrive later than the second. So each script
// recognizes its own work by the random id that it brings:
//
//   - A Replace that succeeded must not report a conflict with itself, because its caller
//     would then give up the only refresh token that X accepts.
//   - A copy of a write must not end a lease that another caller took on its version.
//   - A late copy must not write a value that was replaced or deleted meanwhile.
//
// The keys are the user's hash and the user's sorted set of ended ids. An ended id is a
// version that was replaced or deleted, or the id of a delete that was done. The set's
// scores are times in seconds. Each script that writes removes ids older than a minute, and
// the set expires a minute after the last one.
//
// The first argument of each script is the field of the entry, see [field]. A full Redis
// refuses commands that need memory, but only before a script's first write. So the
// scripts that must work there begin with HDEL.

// endFunction remembers ids as ended.
const endFunction = `
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
`

// writeScript takes the new version, the value and the user's id. With a fifth argument,
// the version to replace or the empty string for no entry, it returns 0 if the entry has
// another version.
var writeScript = redis.NewScript(endFunction + `
local key, field, new, value, user, old = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = redis.call('HGET', key, 'version:' .. field)
if now == new or ended(new) then
  return 1
end
if old and now ~= old and (now or old ~= '') then
  return 0
end
redis.call('HSET', key, 'version:' .. field, new, 'value:' .. field, value, 'user:' .. field, user)
redis.call('HDEL', key, 'lease:' .. field, 'until:' .. field, 'length:' .. field)
if now then
  finish(now)
end
return 1
`)

// deleteScript takes the version and the id of the delete. It returns 0 if the entry has
// another version.
var deleteScript = redis.NewScript(endFunction + `
local key, field, version, id = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local now = redis.call('HGET', key, 'version:' .. field)
if not now or ended(id) then
  return 1
end
if now ~= version then
  return 0
end
redis.call('HDEL', key, 'version:' .. field, 'value:' .. field, 'user:' .. field,
  'lease:' .. field, 'until:' .. field, 'length:' .. field)
finish(version, id)
return 1
`)

// leaseScript takes the new lease's id, the version and the length in microseconds. It
// returns 0, or how many microseconds another lease still runs, or -1 if the entry has
// another version. A lease that is taken twice under one id begins again, because its
// caller counts from the answer.
var leaseScript = redis.NewScript(`
local key, field, id, version = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', key, 'version:' .. field) ~= version then
  return -1
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local holder = redis.call('HGET', key, 'lease:' .. field)
if holder and holder ~= id then
  local left = tonumber(redis.call('HGET', key, 'until:' .. field)) - now
  if left > 0 and left <= tonumber(redis.call('HGET', key, 'length:' .. field)) then
    return left
  end
end
local till = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('HSET', key, 'lease:' .. field, id, 'until:' .. field, till, 'length:' .. field, ARGV[4])
return 0
`)

// releaseScript takes the lease's id.
var releaseScript = redis.NewScript(`
local key, field, id = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', key, 'lease:' .. field) == id then
  redis.call('HDEL', key, 'lease:' .. field, 'until:' .. field, 'length:' .. field)
end
return 0
`)
