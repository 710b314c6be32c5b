local epoch, records = tonumber(ARGV[3]), tonumber(ARGV[4])
local marked, moved = string.match(redis.call('GET', KEYS[3]) or '0', '^(%d+)-?(%d*)$')
marked, moved = tonumber(marked), tonumber(moved)
local staged = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])
if #staged == 0 then
  if marked < epoch or (marked == epoch and moved) then return -1 end
  redis.call('EXPIRE', KEYS[3], ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
  return 0
end
if marked ~= epoch or not moved then moved = 0 end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1][1]
local left = redis.call('XLEN', KEYS[1])
if last ~= ARGV[3] .. '-' .. ARGV[4] or left ~= records - moved then return {moved} end
for _, entry in ipairs(staged) do
  local command = {KEYS[2]}
  for i = 5, #ARGV do command[#command + 1] = ARGV[i] end
  command[#command + 1] = '*'
  for _, text in ipairs(entry[2]) do command[#command + 1] = text end
  redis.call('XADD', unpack(command))
end
left = left - #staged
if left == 0 then
  redis.call('SET', KEYS[3], ARGV[3], 'EX', ARGV[2])
  redis.call('DEL', KEYS[1])
  redis.call('SREM', KEYS[4], KEYS[1])
else
  redis.call('SET', KEYS[3], staged[#staged][1], 'EX', ARGV[2])
  for _, entry in ipairs(staged) do redis.call('XDEL', KEYS[1], entry[1]) end
end
return left
