package com.redis.flink.sink.staging;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisException;
import com.redis.flink.RedisMessage;
import com.redis.flink.bridge.CommitterEngine;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.sink.committer.RedisCommittable;
import com.redis.flink.sink.writer.FlushPolicy;
import com.redis.flink.sink.writer.LoggedEvents;
import com.redis.flink.sink.writer.ManualTimers;
import com.redis.flink.sink.writer.MessageEncoder;
import com.redis.flink.sink.writer.RecordEncoder;
import com.redis.flink.sink.writer.RecordingSink;
import com.redis.flink.sink.writer.RedisSinkWriter;
import com.redis.flink.sink.writer.TestMetrics;

import org.apache.logging.log4j.Level;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What a checkpoint holds of an exactly-once writer, and what one does that starts. */
class ExactlyOnceWriterTest {

    private static final RedisSinkConfig CONFIG =
            RedisSinkConfig.builder()
                    .topicName("orders")
                    .numPartitions(2)
                    .flushOnCheckpoint(true)
                    .build();

    private final RecordingSink sink = new RecordingSink();
    private final ManualTimers timers = new ManualTimers();
    private final ExactlyOnceWriter<String> writer =
            new ExactlyOnceWriter<>(
                    new RedisSinkWriter<>(
                            new MessageEncoder<>(
                                    s -> RedisMessage.of(s, Map.of("data", "v")), null, CONFIG, 0),
                            FlushPolicy.ofStaging(CONFIG),
                            sink,
                            timers,
                            new TestMetrics()),
                    sink,
                    "lane",
                    "incarnation");

    /** Returns what the engine says of an epoch that has one record. */
    private static String prepared(long epoch) {
        return "[{\"partition\":1,\"key\":\"{orders:1}:staging:lane:1:incarnation\",\"records\":1,"
                + "\"epoch\":"
                + epoch
                + ",\"packed\":{\"entries\":1,\"largest\":40}}]";
    }

    @Test
    void aCheckpointFlushesThenPrepares() throws Exception {
        writer.write("k", null);
        writer.flush(false);
        sink.prepared = prepared(1);

        assertThat(writer.prepareCommit())
                .containsExactly(
                        new RedisCommittable(
                                1,
                                "{orders:1}:staging:lane:1:incarnation",
                                1,
                                1,
                                "lane",
                                "incarnation",
                                1,
                                40));
        assertThat(sink.calls).containsExactly("write 1", "flush", "prepare");
        assertThat(writer.snapshotState(5))
                .containsExactly(new RedisWriterState("lane", "incarnation", 1));
    }

    @Test
    void whatIsStagedWaitsForAFullBatchOrTheCheckpoint() throws Exception {
        String large = "x".repeat(1000);
        for (int record = 0; record < 300; record++) {
            writer.write(large, null);
            timers.advance(10);
        }
        assertThat(sink.calls).hasSize(1);
        writer.flush(false);

        assertThat(sink.calls).hasSize(3).last().isEqualTo("flush");
    }

    @Test
    void whatHasNoEffectIsTold() throws Exception {
        RedisSinkConfig config =
                RedisSinkConfig.builder()
                        .topicName("orders")
                        .numPartitions(2)
                        .flushOnCheckpoint(true)
                        .otelServiceName("service")
                        .build();
        RecordEncoder<String> encoder =
                new MessageEncoder<>(s -> RedisMessage.of(s, null), null, config, 0);
        try (LoggedEvents log = new LoggedEvents(RedisSinkWriter.class.getName(), Level.WARN)) {
            ExactlyOnceWriter.open(
                            config, encoder, List.of(), new ManualTimers(), new TestMetrics())
                    .close();

            assertThat(log.events())
                    .containsExactly(
                            "WARN sink orders: otelServiceName is accepted, but this version emits"
                                    + " no spans yet");
        }
    }

    @Test
    void anEmptyEpochCountsToo() throws Exception {
        assertThat(writer.prepareCommit()).isEmpty();
        assertThat(writer.prepareCommit()).isEmpty();
        assertThat(writer.snapshotState(1))
                .containsExactly(new RedisWriterState("lane", "incarnation", 2));

        sink.prepared = prepared(3);
        assertThat(writer.prepareCommit()).extracting(RedisCommittable::epoch).containsExactly(3L);
    }

    @Test
    void aCheckpointAfterTheEndOfTheInputHoldsTheLastEpoch() throws Exception {
        writer.write("k", null);
        writer.flush(true);
        sink.prepared = prepared(1);
        assertThat(writer.prepareCommit()).hasSize(1);

        for (int checkpoint = 1; checkpoint < 4; checkpoint++) {
            assertThat(writer.snapshotState(checkpoint))
                    .containsExactly(new RedisWriterState("lane", "incarnation", 1));
        }
    }

    @Test
    void anEpochThatIsNotTheNextOneIsADefect() {
        sink.prepared = prepared(2);

        assertThatThrownBy(writer::prepareCommit)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the engine has prepared epoch 2 in the place of 1");
    }

    @Test
    void closesTheEngineOnce() {
        writer.close();
        writer.close();

        assertThat(sink.calls).containsExactly("close");
    }

    @Test
    void settingsNameLaneAndAttempt() throws Exception {
        assertThat(ExactlyOnceWriter.settings(CONFIG, "l", "a"))
                .contains("\"topic\":\"orders\"")
                .contains("\"staging\":{\"lane\":\"l\",\"incarnation\":\"a\"}");
        assertThat(CONFIG.toSettings().toString()).doesNotContain("\"staging\"");
    }

    @Test
    void recoversEachLaneItOwnsAndGoesOnInTheFirst() throws Exception {
        List<RedisWriterState> owned =
                List.of(
                        new RedisWriterState("two", "b", 8),
                        new RedisWriterState("one", "a", 7),
                        new RedisWriterState("job-op-0", "", 0));
        Recovery recovery = new Recovery();

        ExactlyOnceWriter.recover(owned, recovery, "settings");

        assertThat(recovery.calls)
                .containsExactly(
                        "open settings",
                        "recover [{\"lane\":\"two\",\"incarnation\":\"b\",\"epoch\":8},"
                                + "{\"lane\":\"one\",\"incarnation\":\"a\",\"epoch\":7},"
                                + "{\"lane\":\"job-op-0\",\"incarnation\":\"\",\"epoch\":0}]",
                        "close");
        assertThat(ExactlyOnceWriter.laneOf(owned)).isEqualTo("two");
    }

    @Test
    void withoutALaneThereIsNothingToRecover() throws Exception {
        Recovery recovery = new Recovery();

        ExactlyOnceWriter.recover(List.of(), recovery, "settings");

        assertThat(recovery.calls).isEmpty();
        assertThat(ExactlyOnceWriter.laneOf(List.of()))
                .isNotEqualTo(ExactlyOnceWriter.laneOf(List.of()));
    }

    @Test
    void aRecoveryThatFailsIsClosedAndTold() {
        Recovery recovery = new Recovery();
        recovery.failure = new RedisException("CONNECTION", "no Redis");

        assertThatThrownBy(
                        () ->
                                ExactlyOnceWriter.recover(
                                        List.of(new RedisWriterState("l", "a", 1)), recovery, "s"))
                .isSameAs(recovery.failure);
        assertThat(recovery.calls).last().isEqualTo("close");
    }

    @Test
    void anInterruptedRecoveryLeavesTheThreadInterrupted() {
        Recovery recovery = new Recovery();
        recovery.failure = new InterruptedException();

        assertThatThrownBy(
                        () ->
                                ExactlyOnceWriter.recover(
                                        List.of(new RedisWriterState("l", "a", 1)), recovery, "s"))
                .isInstanceOf(InterruptedIOException.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    private static final class Recovery implements CommitterEngine.Factory, CommitterEngine {

        final List<String> calls = new ArrayList<>();
        Exception failure;

        @Override
        public CommitterEngine open(String settings) {
            calls.add("open " + settings);
            return this;
        }

        @Override
        public void commit(String committables) {
            throw new UnsupportedOperationException("the committer commits");
        }

        @Override
        public void recover(String lanes) throws IOException, InterruptedException {
            calls.add("recover " + lanes);
            if (failure instanceof IOException) {
                throw (IOException) failure;
            }
            if (failure instanceof InterruptedException) {
                throw (InterruptedException) failure;
            }
        }

        @Override
        public void close() {
            calls.add("close");
        }
    }
}
