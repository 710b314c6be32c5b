package com.redis.flink.bench.reference;

import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.connector.base.source.reader.SingleThreadMultiplexSourceReaderBase;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * Emits the fields of entries, and acknowledges them when a checkpoint has completed: on a thread
 * and a connection of their own, so that nothing waits for it.
 */
final class JedisReader
        extends SingleThreadMultiplexSourceReaderBase<
                StreamEntry, Map<String, String>, JedisSplit, JedisReader.State> {

    private static final int ENTRIES_PER_XACK = 1000;
    private static final int END_SECONDS = 30;

    private final JedisSource source;
    private final Map<String, State> states = new HashMap<>();

    /** Of each checkpoint that has not completed, what was emitted before it, by stream. */
    private final NavigableMap<Long, Map<String, List<StreamEntryID>>> emitted = new TreeMap<>();

    private final ExecutorService acknowledger = Executors.newSingleThreadExecutor();
    private final Jedis jedis;

    JedisReader(JedisSource source, SourceReaderContext context) {
        super(
                () -> new JedisSplitReader(source),
                (entry, output, state) -> {
                    output.collect(entry.getFields(), entry.getID().getTime());
                    state.emitted(entry.getID());
                },
                context.getConfiguration(),
                context);
        this.source = source;
        jedis = source.connect();
    }

    @Override
    public List<JedisSplit> snapshotState(long checkpointId) {
        Map<String, List<StreamEntryID>> since = new HashMap<>();
        states.forEach((stream, state) -> since.put(stream, state.takeEmitted()));
        emitted.put(checkpointId, since);
        return super.snapshotState(checkpointId);
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) throws Exception {
        super.notifyCheckpointComplete(checkpointId);
        NavigableMap<Long, Map<String, List<StreamEntryID>>> done =
                emitted.headMap(checkpointId, true);
        List<Map<String, List<StreamEntryID>>> all = new ArrayList<>(done.values());
        done.clear();
        if (source.acknowledges()) {
            acknowledger.submit(() -> all.forEach(this::acknowledge));
        }
    }

    private void acknowledge(Map<String, List<StreamEntryID>> ids) {
        Pipeline pipeline = jedis.pipelined();
        ids.forEach(
                (stream, entries) -> {
                    for (int from = 0; from < entries.size(); from += ENTRIES_PER_XACK) {
                        int to = Math.min(entries.size(), from + ENTRIES_PER_XACK);
                        pipeline.xack(
                                stream,
                                source.group(),
                                entries.subList(from, to).toArray(StreamEntryID[]::new));
                    }
                });
        pipeline.sync();
    }

    @Override
    public void close() throws Exception {
        super.close();
        acknowledger.shutdown();
        acknowledger.awaitTermination(END_SECONDS, TimeUnit.SECONDS);
        jedis.close();
    }

    @Override
    protected void onSplitFinished(Map<String, State> finishedSplits) {
        throw new IllegalStateException("a stream has no end");
    }

    @Override
    protected State initializedState(JedisSplit split) {
        return states.computeIfAbsent(split.splitId(), stream -> new State(source.acknowledges()));
    }

    @Override
    protected JedisSplit toSplitType(String splitId, State state) {
        return new JedisSplit(splitId);
    }

    /** What was emitted of a stream since the last checkpoint. */
    static final class State {

        private final boolean remember;
        private List<StreamEntryID> ids = new ArrayList<>();

        State(boolean remember) {
            this.remember = remember;
        }

        void emitted(StreamEntryID id) {
            if (remember) {
                ids.add(id);
            }
        }

        List<StreamEntryID> takeEmitted() {
            List<StreamEntryID> taken = ids;
            ids = new ArrayList<>();
            return taken;
        }
    }
}
