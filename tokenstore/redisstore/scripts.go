package redisstore

import "github.com/redis/go-redis/v9"

// The client sends a command again when the connection broke before the answer came,
// and the first may have been carried out. So each script knows its own work by the
// random id that it brings: a Replace that succeeded must not be told of a conflict,
// because its caller would then give up the only refresh token that X accepts, and a
// write must not end the lease that somebody took on what it wrote.
//
// All have one key, the user's hash, and the provider as first argument. What is written
// includes the user's id, because the hash's name does not tell it. Those that
// need memory ask for it by their first write: a full Redis refuses it, and a script
// that has written something is not refused any more.

// writeScript takes the new version, the value and the user's id. With the version to
// replace, which is empty for no entry, it returns 0 if the entry is in another version.
var writeScript = redis.NewScript(`
local key, provider, new, value, user, old = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local now = redis.call('HGET', key, 'version:' .. provider)
if now == new then
  return 1
end
if old and now ~= old and (now or old ~= '') then
  return 0
end
redis.call('HSET', key, 'version:' .. provider, new, 'value:' .. provider, value, 'user:' .. provider, user)
redis.call('HDEL', key, 'lease:' .. provider, 'until:' .. provider)
return 1
`)

// leaseScript takes the new lease's id, the version and microseconds. It returns 0, how
// many microseconds another lease still runs, or -1 if the entry is in another version.
// A lease of its own begins again, because it is counted from the answer.
var leaseScript = redis.NewScript(`
local key, provider, id, version = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
if redis.call('HGET', key, 'version:' .. provider) ~= version then
  return -1
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local holder = redis.call('HGET', key, 'lease:' .. provider)
if holder and holder ~= id then
  local left = tonumber(redis.call('HGET', key, 'until:' .. provider)) - now
  if left > 0 then
    return left
  end
end
local till = string.format('%.0f', now + tonumber(ARGV[4]))
redis.call('HSET', key, 'lease:' .. provider, id, 'until:' .. provider, till)
return 0
`)

// releaseScript takes the lease's id.
var releaseScript = redis.NewScript(`
local key, provider, id = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', key, 'lease:' .. provider) == id then
  redis.call('HDEL', key, 'lease:' .. provider, 'until:' .. provider)
end
return 0
`)
