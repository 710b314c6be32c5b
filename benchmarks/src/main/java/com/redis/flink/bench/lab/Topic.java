package com.redis.flink.bench.lab;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** The streams of a topic, seen by the thread that runs the benchmarks. */
public final class Topic {

    /** The group that all contenders read with. */
    public static final String GROUP = "bench";

    private static final StreamEntryID FIRST = new StreamEntryID(1, 1);

    /**
     * Adds entries {key: 16 bytes, data: as many as it is told}, 50 in a millisecond, the last ones
     * now: the readers see them all at once.
     */
    private static final String FILL =
            String.join(
                    "\n",
                    "local data = string.rep('x', tonumber(ARGV[1]))",
                    "local now = tonumber(ARGV[2])",
                    "for p, stream in ipairs(KEYS) do",
                    "  local entries = tonumber(ARGV[p + 2])",
                    "  local first = now - math.ceil(entries / 50)",
                    "  for n = 0, entries - 1 do",
                    "    local id = string.format('%.0f-%d', first + math.floor(n / 50), n % 50)",
                    "    local key = string.format('key-%012d', n * #KEYS + p)",
                    "    redis.call('XADD', stream, id, 'key', key, 'data', data)",
                    "  end",
                    "end");

    private static final String LENGTH =
            "local sum = 0 for _, stream in ipairs(KEYS) do"
                    + " sum = sum + redis.call('XLEN', stream) end return sum";

    private static final String PENDING =
            "local sum = 0 for _, stream in ipairs(KEYS) do"
                    + " sum = sum + redis.call('XPENDING', stream, ARGV[1])[1] end return sum";

    private final Jedis jedis;
    private final String name;
    private final List<String> streams;

    public Topic(Server server, String name, int partitions) {
        jedis = server.control();
        this.name = name;
        streams =
                IntStream.range(0, partitions)
                        .mapToObj(partition -> name + ":" + partition)
                        .collect(Collectors.toList());
    }

    public String name() {
        return name;
    }

    public int partitions() {
        return streams.size();
    }

    public List<String> streams() {
        return streams;
    }

    /** Makes the group, and where they are missing the streams. */
    public void createGroup() {
        streams.forEach(stream -> jedis.xgroupCreate(stream, GROUP, new StreamEntryID(0, 0), true));
    }

    /** Adds an entry to each partition, in front of what {@link #fill} adds. */
    public void addFirst() {
        streams.forEach(stream -> jedis.xadd(stream, FIRST, Map.of("key", "first", "data", "0")));
    }

    /** Adds so many entries, spread over the partitions. */
    public void fill(int entries, int dataBytes) {
        List<String> arguments = new ArrayList<>();
        arguments.add(Integer.toString(dataBytes));
        arguments.add(Long.toString(System.currentTimeMillis()));
        Arrays.stream(shares(entries)).forEach(share -> arguments.add(Integer.toString(share)));
        jedis.eval(FILL, streams, arguments);
    }

    /** Returns how many of so many entries each partition gets. */
    public int[] shares(int entries) {
        int partitions = streams.size();
        return IntStream.range(0, partitions)
                .map(p -> entries / partitions + (p < entries % partitions ? 1 : 0))
                .toArray();
    }

    /** Returns how many entries it has. */
    public long length() {
        return (Long) jedis.eval(LENGTH, streams, List.of());
    }

    /** Returns how many entries are delivered and not acknowledged. */
    public long pending() {
        return (Long) jedis.eval(PENDING, streams, List.of(GROUP));
    }
}
