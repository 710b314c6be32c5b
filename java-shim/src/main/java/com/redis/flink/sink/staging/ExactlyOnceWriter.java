package com.redis.flink.sink.staging;

import com.redis.flink.bridge.CommitterEngine;
import com.redis.flink.bridge.NativeCommitter;
import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.bridge.StagingEngine;
import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.sink.committer.RedisCommittable;
import com.redis.flink.sink.writer.FlushPolicy;
import com.redis.flink.sink.writer.RecordEncoder;
import com.redis.flink.sink.writer.RedisSinkWriter;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.CommittingSinkWriter;
import org.apache.flink.api.connector.sink2.StatefulSinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * A {@link RedisSinkWriter} whose records go to staging streams: one for each partition and epoch,
 * an epoch being what is between two checkpoints. The protocol is in docs/delivery.md.
 *
 * <p>Flink calls {@code flush}, {@code prepareCommit} and {@code snapshotState} in that order at a
 * checkpoint; at the end of the input the first two, and {@code snapshotState} at the checkpoints
 * that follow. All of it runs in the task's thread.
 *
 * @param <T> the records' type
 */
@Internal
public final class ExactlyOnceWriter<T>
        implements CommittingSinkWriter<T, RedisCommittable>,
                StatefulSinkWriter<T, RedisWriterState> {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final RedisSinkWriter<T> writer;
    private final StagingEngine staging;
    private final String lane;
    private final String incarnation;

    /** The last one that was prepared. */
    private long epoch;

    ExactlyOnceWriter(
            RedisSinkWriter<T> writer, StagingEngine staging, String lane, String incarnation) {
        this.writer = writer;
        this.staging = staging;
        this.lane = lane;
        this.incarnation = incarnation;
    }

    /**
     * Cleans up in the lanes that this writer owns, and opens it in the first of them, or one of
     * its own. The others are given up: a checkpoint of this writer can complete only when all that
     * is restored with it has been committed.
     */
    public static <T> ExactlyOnceWriter<T> open(
            RedisSinkConfig config,
            RecordEncoder<T> encoder,
            List<RedisWriterState> owned,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics)
            throws IOException {
        RedisSinkWriter.warnOfWhatIsNotEmitted(config, config.getTopicName());
        Optional<CredentialsSupplier> credentials = config.getConnection().credentials();
        recover(
                owned,
                settings -> NativeCommitter.open(settings, credentials),
                config.toSettings().toString());
        String lane = laneOf(owned);
        String incarnation = Lanes.incarnation();
        NativeWriter staging = NativeWriter.open(settings(config, lane, incarnation), credentials);
        return new ExactlyOnceWriter<>(
                new RedisSinkWriter<>(
                        encoder, FlushPolicy.ofStaging(config), staging, timers, metrics),
                staging,
                lane,
                incarnation);
    }

    static String laneOf(List<RedisWriterState> owned) {
        return owned.isEmpty() ? Lanes.create() : owned.get(0).lane();
    }

    static void recover(
            List<RedisWriterState> owned, CommitterEngine.Factory redis, String settings)
            throws IOException {
        if (owned.isEmpty()) {
            return;
        }
        try (CommitterEngine recovery = redis.open(settings)) {
            recovery.recover(RedisWriterState.toJson(owned));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("interrupted while staging streams are cleaned up")
                            .initCause(e);
        }
    }

    /** Returns the sink settings of a writer that stages, see docs/architecture.md. */
    static String settings(RedisSinkConfig config, String lane, String incarnation) {
        ObjectNode settings = config.toSettings();
        settings.putObject("staging").put("lane", lane).put("incarnation", incarnation);
        return settings.toString();
    }

    @Override
    public void write(T record, Context context) throws IOException, InterruptedException {
        writer.write(record, context);
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        writer.flush(endOfInput);
    }

    @Override
    public Collection<RedisCommittable> prepareCommit() throws IOException {
        JsonNode prepared = JSON.readTree(staging.prepare());
        epoch++;
        List<RedisCommittable> committables = new ArrayList<>(prepared.size());
        for (JsonNode node : prepared) {
            RedisCommittable committable = RedisCommittable.fromJson(node, lane, incarnation);
            if (committable.epoch() != epoch) {
                // What the state says would not be what is staged: recovery would delete it.
                throw new IllegalStateException(
                        "the engine has prepared epoch "
                                + committable.epoch()
                                + " in the place of "
                                + epoch);
            }
            committables.add(committable);
        }
        return committables;
    }

    @Override
    public List<RedisWriterState> snapshotState(long checkpointId) {
        return List.of(new RedisWriterState(lane, incarnation, epoch));
    }

    @Override
    public void close() {
        writer.close();
    }
}
