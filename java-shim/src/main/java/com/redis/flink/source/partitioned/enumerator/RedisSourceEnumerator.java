package com.redis.flink.source.partitioned.enumerator;

import com.redis.flink.bridge.EnumeratorEngine;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.RedisSplitSerializer;
import com.redis.flink.source.partitioned.split.SplitJson;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.api.connector.source.SplitsAssignment;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.util.FlinkRuntimeException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Makes partitions into splits, once, and hands each to the reader that owns it.
 *
 * <p>Lives on the job manager; every method and field belongs to the coordinator thread. Only the
 * native discovery runs on the context's worker thread, and that touches nothing here.
 *
 * <p>After a restore Flink gives the readers their splits from their own state, spread over them as
 * it sees fit when the parallelism has changed. So this class deals only with splits that no reader
 * has had in a checkpoint: those of partitions that are new, those in its own state, and those that
 * a failed reader gives back.
 */
@Internal
public final class RedisSourceEnumerator
        implements SplitEnumerator<RedisSplit, RedisEnumeratorState> {

    private static final Logger LOG = LoggerFactory.getLogger(RedisSourceEnumerator.class);

    /**
     * What a serialized split may measure. Flink sends it in one message, which may have 10 MiB
     * (pekko.framesize); one beyond that is lost, and Flink would try again for ever.
     */
    private static final int MOST_BYTES = 8 * 1024 * 1024;

    /** A split with more runs of pending entries than that is sent alone. */
    private static final int MANY_RUNS = 10_000;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final RedisSourceConfig config;
    private final SplitEnumeratorContext<RedisSplit> context;
    private final EnumeratorEngine.Factory backends;

    /** Partitions that have become splits. */
    private final SortedSet<Integer> discovered = new TreeSet<>();

    /** Splits that are not assigned, by the reader that shall get them. */
    private final Map<Integer, List<RedisSplit>> waiting = new TreeMap<>();

    /** Splits of a restored state, until the discovery says who owns them. */
    private final List<RedisSplit> withoutOwner = new ArrayList<>();

    /** Every partition has become a split: whoever has got its own gets no more. */
    private boolean complete;

    /** Runs the discovery; null: none is running. */
    private EnumeratorEngine engine;

    private boolean closed;

    /** Creates an enumerator for a fresh job. */
    public RedisSourceEnumerator(
            RedisSourceConfig config,
            SplitEnumeratorContext<RedisSplit> context,
            EnumeratorEngine.Factory backends) {
        this.config = config;
        this.context = context;
        this.backends = backends;
    }

    /**
     * Returns an enumerator that goes on from a checkpoint.
     *
     * @throws IllegalStateException the state has partitions that the job no longer reads
     */
    public static RedisSourceEnumerator restore(
            RedisSourceConfig config,
            SplitEnumeratorContext<RedisSplit> context,
            EnumeratorEngine.Factory backends,
            RedisEnumeratorState state) {
        RedisSourceEnumerator enumerator = new RedisSourceEnumerator(config, context, backends);
        if (!state.topic().equals(config.getTopicName())
                || !state.consumerGroup().equals(config.getConsumerGroup())) {
            LOG.info(
                    "The restored state is of topic {} and group {}; this job reads topic {} with"
                            + " group {} and so begins afresh at starting ID {}.",
                    state.topic(),
                    state.consumerGroup(),
                    config.getTopicName(),
                    config.getConsumerGroup(),
                    config.getStartingId());
            return enumerator;
        }
        SortedSet<Integer> dropped = state.discovered().tailSet(config.getNumPartitions());
        if (!dropped.isEmpty()) {
            throw new IllegalStateException(
                    "Topic "
                            + config.getTopicName()
                            + ": the restored state has partitions up to "
                            + state.discovered().last()
                            + " but option numPartitions is "
                            + config.getNumPartitions()
                            + ", so what is left in partitions "
                            + dropped
                            + " would never be read; set it to "
                            + (state.discovered().last() + 1)
                            + " or more, or start without that state.");
        }
        enumerator.discovered.addAll(state.discovered());
        enumerator.withoutOwner.addAll(state.unassigned());
        return enumerator;
    }

    @Override
    public void start() {
        if (discovered.size() == config.getNumPartitions() && withoutOwner.isEmpty()) {
            complete = true;
            return;
        }
        String request = discoverRequest();
        try {
            engine = backends.open(config.toSettings().toString());
        } catch (IOException e) {
            throw new FlinkRuntimeException(e.getMessage(), e);
        }
        EnumeratorEngine running = engine;
        context.callAsync(() -> running.discover(request), this::onDiscovered);
    }

    @Override
    public void handleSplitRequest(int subtaskId, String requesterHostname) {
        // Readers get their splits when they register; they ask for none.
    }

    @Override
    public void addSplitsBack(List<RedisSplit> splits, int subtaskId) {
        if (!splits.isEmpty()) {
            LOG.info("Reader {} gives back {}.", subtaskId, streams(splits));
        }
        waiting.computeIfAbsent(subtaskId, reader -> new ArrayList<>()).addAll(splits);
        assign(subtaskId);
    }

    @Override
    public void addReader(int subtaskId) {
        assign(subtaskId);
    }

    @Override
    public RedisEnumeratorState snapshotState(long checkpointId) {
        List<RedisSplit> unassigned = new ArrayList<>(withoutOwner);
        waiting.values().forEach(unassigned::addAll);
        return new RedisEnumeratorState(
                config.getTopicName(), config.getConsumerGroup(), discovered, unassigned);
    }

    @Override
    public void close() {
        closed = true;
        closeEngine();
    }

    private String discoverRequest() {
        ObjectNode request = JsonNodeFactory.instance.objectNode();
        // A state without partitions was taken before the first discovery was through: as good as
        // none.
        request.put("parallelism", context.currentParallelism());
        request.put("restored", !discovered.isEmpty());
        ArrayNode known = request.putArray("known");
        discovered.forEach(known::add);
        return request.toString();
    }

    private void onDiscovered(String found, Throwable failure) {
        if (closed) {
            return;
        }
        closeEngine();
        if (failure != null) {
            throw new FlinkRuntimeException(failure.getMessage(), failure);
        }
        JsonNode result = read(found);
        for (JsonNode split : result.path("splits")) {
            addToOwner(
                    result,
                    SplitJson.fromJson(split, config.getTopicName(), config.getConsumerGroup()));
        }
        withoutOwner.forEach(split -> addToOwner(result, split));
        withoutOwner.clear();
        complete = true;
        for (int subtaskId : new ArrayList<>(context.registeredReaders().keySet())) {
            assign(subtaskId);
        }
    }

    private void addToOwner(JsonNode result, RedisSplit split) {
        JsonNode owner = result.path("owners").path(split.partition());
        if (!owner.isInt()) {
            throw new FlinkRuntimeException("The native engine names no reader for " + split);
        }
        discovered.add(split.partition());
        waiting.computeIfAbsent(owner.asInt(), reader -> new ArrayList<>()).add(split);
    }

    /**
     * Gives a reader what waits for it, if it is there; one that has got everything is told so,
     * also after a restart.
     */
    private void assign(int subtaskId) {
        if (!context.registeredReaders().containsKey(subtaskId)) {
            return;
        }
        List<RedisSplit> splits = waiting.remove(subtaskId);
        if (splits != null && !splits.isEmpty()) {
            LOG.info("Reader {} gets {}.", subtaskId, streams(splits));
            LOG.debug("Reader {} gets {}.", subtaskId, splits);
            send(subtaskId, splits);
        }
        if (complete && config.getStoppingId().isPresent()) {
            context.signalNoMoreSplits(subtaskId);
        } else if (complete) {
            // It stays, also where it has no splits: a task that has finished could not be restored
            // with another one chained to it.
            context.sendEventToSourceReader(subtaskId, new AllSplitsAssigned());
        }
    }

    private void send(int subtaskId, List<RedisSplit> splits) {
        List<RedisSplit> small = new ArrayList<>();
        for (RedisSplit split : splits) {
            if (split.pending().size() < MANY_RUNS) {
                small.add(split);
            } else {
                checkSize(split);
                context.assignSplits(new SplitsAssignment<>(Map.of(subtaskId, List.of(split))));
            }
        }
        if (!small.isEmpty()) {
            context.assignSplits(new SplitsAssignment<>(Map.of(subtaskId, small)));
        }
    }

    private static void checkSize(RedisSplit split) {
        int bytes;
        try {
            bytes = new RedisSplitSerializer().serialize(split).length;
        } catch (IOException e) {
            throw new FlinkRuntimeException(e.getMessage(), e);
        }
        if (bytes > MOST_BYTES) {
            long entries = split.pending().stream().mapToLong(EntryRun::count).sum();
            throw new FlinkRuntimeException(
                    "Stream "
                            + split.stream()
                            + ", group "
                            + split.consumerGroup()
                            + ": "
                            + entries
                            + " entries are pending, their IDs measure "
                            + bytes
                            + " bytes, and a reader can be given "
                            + MOST_BYTES
                            + ". Acknowledge those that need no work (XACK), or read with another"
                            + " consumerGroup and a startingId.");
        }
    }

    private static List<String> streams(List<RedisSplit> splits) {
        return splits.stream().map(RedisSplit::stream).collect(Collectors.toList());
    }

    private void closeEngine() {
        if (engine != null) {
            engine.close();
            engine = null;
        }
    }

    private static JsonNode read(String found) {
        try {
            return JSON.readTree(found);
        } catch (JsonProcessingException e) {
            throw new FlinkRuntimeException(
                    "The native engine found what cannot be read: " + found, e);
        }
    }
}
