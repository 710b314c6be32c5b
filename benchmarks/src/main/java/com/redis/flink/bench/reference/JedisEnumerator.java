package com.redis.flink.bench.reference;

import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.SplitsAssignment;
import org.apache.flink.core.io.SimpleVersionedSerializer;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisDataException;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Makes the groups, and gives each reader its streams. */
final class JedisEnumerator implements SplitEnumerator<JedisSplit, Integer> {

    private final SplitEnumeratorContext<JedisSplit> context;
    private final JedisSource source;

    /** What no reader has yet, by stream. */
    private final Map<String, JedisSplit> unassigned = new HashMap<>();

    /**
     * @param restored readers have their streams from their own state
     */
    JedisEnumerator(
            SplitEnumeratorContext<JedisSplit> context, JedisSource source, boolean restored) {
        this.context = context;
        this.source = source;
        if (!restored) {
            source.streams().forEach(stream -> unassigned.put(stream, new JedisSplit(stream)));
        }
    }

    @Override
    public void start() {
        try (Jedis jedis = source.connect()) {
            for (String stream : source.streams()) {
                createGroup(jedis, stream);
            }
        }
    }

    private void createGroup(Jedis jedis, String stream) {
        try {
            jedis.xgroupCreate(stream, source.group(), new StreamEntryID(0, 0), true);
        } catch (JedisDataException e) {
            if (!e.getMessage().startsWith("BUSYGROUP")) {
                throw e;
            }
        }
    }

    @Override
    public void addReader(int subtask) {
        List<String> streams = source.streams();
        Map<Integer, List<JedisSplit>> assignment = new HashMap<>();
        for (int partition = 0; partition < streams.size(); partition++) {
            if (partition % context.currentParallelism() == subtask) {
                JedisSplit split = unassigned.remove(streams.get(partition));
                if (split != null) {
                    assignment.computeIfAbsent(subtask, s -> new ArrayList<>()).add(split);
                }
            }
        }
        context.assignSplits(new SplitsAssignment<>(assignment));
    }

    @Override
    public void addSplitsBack(List<JedisSplit> splits, int subtask) {
        splits.forEach(split -> unassigned.put(split.splitId(), split));
    }

    @Override
    public void handleSplitRequest(int subtask, String requesterHostname) {
        // Readers are given their splits when they come.
    }

    @Override
    public Integer snapshotState(long checkpointId) {
        return source.streams().size();
    }

    @Override
    public void close() {}

    /** Writes how many streams there are. */
    static final class StateSerializer implements SimpleVersionedSerializer<Integer> {

        @Override
        public int getVersion() {
            return 1;
        }

        @Override
        public byte[] serialize(Integer streams) {
            return streams.toString().getBytes(StandardCharsets.US_ASCII);
        }

        @Override
        public Integer deserialize(int version, byte[] serialized) {
            return Integer.valueOf(new String(serialized, StandardCharsets.US_ASCII));
        }
    }
}
