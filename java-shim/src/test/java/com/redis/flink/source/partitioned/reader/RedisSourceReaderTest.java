package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.BatchBytes;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.testutils.source.reader.TestingReaderContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.metrics.groups.SourceReaderMetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.metrics.groups.InternalSourceReaderMetricGroup;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

class RedisSourceReaderTest {

    private static final long DEADLINE_MILLIS = 20_000;

    private final FakeReader engine = new FakeReader();
    private final FakeWriter writer = new FakeWriter();
    private final RecordedOutput output = new RecordedOutput();
    private final TestingReaderContext context =
            new TestingReaderContext(
                    new Configuration(),
                    InternalSourceReaderMetricGroup.mock(new UnregisteredMetricsGroup()));
    private RedisSourceReader<String> reader;

    @AfterEach
    void close() throws Exception {
        if (reader != null) {
            reader.close();
            reader = null;
        }
    }

    @Test
    void emitsEachEntryToItsSplitWithItsTime() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0"), split(2, "1-0")));
        engine.give(new BatchBytes(2).entry(5, 0, "data", "a|b").position(5, 0));
        engine.give(new BatchBytes(0).entry(7, 1, "data", "c").position(7, 1));
        pollUntil(() -> output.records.size() == 3);

        assertThat(output.records).containsExactly("orders:2@5 a", "orders:2@5 b", "orders:0@7 c");
        assertThat(engine.calls.get(0))
                .startsWith("addSplits [{\"partition\":0,\"position\":\"1-0\",\"pending\":[]");
    }

    @Test
    void aCheckpointHoldsWhatWasEmittedAndNotMore() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "9-0", "1-0+2")));
        engine.give(
                new BatchBytes(0)
                        .pending()
                        .entry(1, 0, "data", "a")
                        .entry(1, 1, "data", "b")
                        .position(9, 0));
        pollUntil(() -> output.records.size() == 1);

        assertThat(reader.snapshotState(1)).containsExactly(split(0, "9-0", "1-1+1"));
        assertThat(engine.calls)
                .contains(
                        "checkpoint 1"
                            + " [{\"partition\":0,\"position\":\"9-0\",\"pending\":[\"1-1+1\"]}]");

        engine.give(new BatchBytes(0).entry(12, 0, "data", "c").position(12, 0));
        pollUntil(() -> output.records.size() == 3);
        assertThat(reader.snapshotState(2)).containsExactly(split(0, "12-0"));

        reader.notifyCheckpointAborted(1);
        reader.notifyCheckpointComplete(2);
        assertThat(engine.calls).containsSubsequence("abort 1", "complete 2");
    }

    @Test
    void anEmptyBatchMovesThePosition() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).position(8, 8));
        pollUntil(() -> reader.snapshotState(1).get(0).position().equals(EntryId.of(8, 8)));

        assertThat(output.records).isEmpty();
        assertThat(engine.calls).noneMatch(call -> call.startsWith("emitted"));
    }

    @ParameterizedTest
    @EnumSource
    void theEngineIsToldWhenAStreamThatWasMadeAnewBegins(AckStrategy strategy) throws Exception {
        open(strategy, "");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).entry(9, 0, "data", "old").position(9, 0));
        engine.give(new BatchBytes(0).position(0, 0));
        engine.give(new BatchBytes(0).entry(5, 0, "data", "new").position(5, 0));
        pollUntil(() -> output.records.size() == 2);

        assertThat(engine.calls.indexOf("emitted 0 0-0"))
                .isGreaterThan(engine.calls.indexOf("emitted 0 9-0"));
        pollUntil(() -> reader.snapshotState(1).get(0).position().equals(EntryId.of(5, 0)));
    }

    @Test
    void onEmitAcknowledgesABatchOnceAllOfItIsOut() throws Exception {
        open(AckStrategy.ON_EMIT, "");
        reader.addSplits(List.of(split(3, "9-0", "1-0+2", "2-0+1")));
        engine.give(
                new BatchBytes(3)
                        .pending()
                        .entry(1, 0, "data", "a")
                        .entry(1, 1, "data", "b")
                        .position(9, 0));
        engine.give(new BatchBytes(3).pending().entry(2, 0, "data", "c").position(9, 0));
        engine.give(new BatchBytes(3).entry(10, 0, "data", "d").position(11, 0));
        pollUntil(() -> output.records.size() == 1);
        assertThat(engine.calls).noneMatch(call -> call.startsWith("emitted"));
        pollUntil(() -> engine.calls.contains("emitted 3 11-0"));

        // While old pending entries are worked off, the position says nothing of them.
        assertThat(engine.calls)
                .containsSubsequence("emitted 3 1-1", "emitted 3 9-0", "emitted 3 11-0");
    }

    @Test
    void aFinishedSplitStaysInTheCheckpointsUntilOneCompletes() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0")));
        reader.notifyNoMoreSplits();
        engine.give(new BatchBytes(0).entry(2, 0, "data", "a").position(5, 0).finished());
        pollUntilEnd();

        assertThat(output.released).containsExactly("orders:0");
        String positions = "[{\"partition\":0,\"position\":\"5-0\",\"pending\":[]}]";
        assertThat(reader.snapshotState(1)).isEmpty();
        assertThat(engine.calls).contains("checkpoint 1 " + positions);
        reader.notifyCheckpointAborted(1);
        reader.snapshotState(2);
        assertThat(engine.calls).contains("checkpoint 2 " + positions);
        reader.notifyCheckpointComplete(2);
        reader.snapshotState(3);
        assertThat(engine.calls).contains("complete 2", "checkpoint 3 []");
    }

    @Test
    void aFetcherThatIsReplacedLeavesTheNativeReaderOpen() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).entry(2, 0, "data", "a").position(2, 0).finished());
        pollUntil(() -> output.released.contains("orders:0"));
        pollUntil(() -> reader.pollNext(output) == InputStatus.NOTHING_AVAILABLE);

        reader.addSplits(List.of(split(1, "1-0")));
        engine.give(new BatchBytes(1).entry(3, 0, "data", "b").position(3, 0));
        pollUntil(() -> output.records.size() == 2);
        assertThat(engine.calls).doesNotContain("close");

        close();
        assertThat(engine.calls).endsWith("close");
    }

    @Test
    void anEntryThatIsRejectedFailsTheJobByNameWithoutADeadLetterStream() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).entry(2, 5, "data", "bad").position(2, 5));

        assertThatThrownBy(() -> pollUntil(() -> false))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("source orders:0: entry 2-5 cannot be deserialized")
                .hasMessageContaining("not good")
                .hasMessageContaining("failedDeserializationStreamName")
                .hasRootCauseMessage("not good");
        assertThat(context.metricGroup().getNumRecordsInErrorsCounter().getCount()).isEqualTo(1);
    }

    @Test
    void aDeadLetterIsConfirmedBeforeTheCheckpoint() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "bad-ones");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(
                new BatchBytes(0)
                        .entry(2, 5, "data", "x|bad", "f", "1", "f", "2")
                        .entry(3, 0, "data", "good")
                        .position(3, 0));
        pollUntil(() -> !writer.calls.isEmpty());

        // Nothing of an entry that fails half way.
        assertThat(output.records).containsExactly("orders:0@3 good");
        assertThat(writer.settings).contains("\"deadLetterStream\":\"bad-ones\"");
        assertThat(writer.batches).hasSize(1);
        assertThat(writer.batches.get(0))
                .containsSubsequence("x|bad", "f", "1", "f", "2", "error", "not good", "stream")
                .containsSubsequence("orders:0", "id", "2-5");
        assertThat(writer.calls).containsExactly("write");

        assertThat(reader.snapshotState(1)).containsExactly(split(0, "3-0"));
        assertThat(writer.calls).containsExactly("write", "flush");
        reader.snapshotState(2);
        assertThat(writer.calls).containsExactly("write", "flush");
        assertThat(context.metricGroup().getNumRecordsInErrorsCounter().getCount()).isEqualTo(1);

        close();
        assertThat(writer.calls).endsWith("close");
    }

    @Test
    void aDeadLetterIsConfirmedBeforeItIsAcknowledgedOnEmit() throws Exception {
        open(AckStrategy.ON_EMIT, "bad-ones");
        writer.order = engine.calls;
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).entry(2, 5, "data", "bad").position(2, 5));
        pollUntil(() -> engine.calls.contains("emitted 0 2-5"));

        assertThat(engine.calls).containsSubsequence("write", "flush", "emitted 0 2-5");
    }

    @Test
    void anExceptionOfAnOperatorIsNoDeadLetter() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "bad-ones");
        output.downstream = new IllegalArgumentException("of the user's map function");
        reader.addSplits(List.of(split(0, "1-0")));
        engine.give(new BatchBytes(0).entry(2, 5, "data", "a").position(2, 5));

        assertThatThrownBy(() -> pollUntil(() -> false)).isSameAs(output.downstream);
        assertThat(writer.calls).isEmpty();
        assertThat(reader.snapshotState(1)).containsExactly(split(0, "1-0"));
    }

    @Test
    void restoredSplitsOfAnotherGroupAreDroppedWithTheirOutputs() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        RedisSplit lost = new RedisSplit(1, "orders:1", "other", EntryId.of(5, 0), List.of(), null);
        RedisSplit again =
                new RedisSplit(0, "orders:0", "other", EntryId.of(5, 0), List.of(), null);
        reader.addSplits(List.of(lost, again));
        reader.addSplits(List.of(split(0, "1-0")));
        reader.pollNext(output);

        assertThat(output.released).containsExactly("orders:1");
        assertThat(reader.snapshotState(1)).containsExactly(split(0, "1-0"));
        await(() -> !engine.calls.isEmpty());
        assertThat(engine.calls)
                .filteredOn(call -> call.startsWith("addSplits"))
                .allMatch(call -> !call.contains("5-0"));
    }

    @Test
    void pausesByPartition() throws Exception {
        open(AckStrategy.ON_CHECKPOINT, "");
        reader.addSplits(List.of(split(0, "1-0"), split(2, "1-0")));
        await(() -> !engine.calls.isEmpty());
        reader.pauseOrResumeSplits(List.of("orders:2"), List.of("orders:0"));

        await(() -> engine.calls.contains("pauseOrResume [2] [0]"));
    }

    @Test
    void closingAcknowledgesNothingThatWasNotEmitted() throws Exception {
        open(AckStrategy.ON_EMIT, "");
        reader.addSplits(List.of(split(0, "1-0")));
        for (int i = 2; i < 20; i++) {
            engine.give(new BatchBytes(0).entry(i, 0, "data", "a").position(i, 0));
        }
        pollUntil(() -> output.records.size() == 1);
        close();

        assertThat(engine.calls).noneMatch(call -> call.startsWith("emitted"));
        assertThat(engine.calls).endsWith("close");
    }

    @Test
    void aReaderThatCannotBeMadeClosesTheNativeOne() {
        NoClassDefFoundError failure = new NoClassDefFoundError("com/acme/Metrics");
        TestingReaderContext failing =
                new TestingReaderContext() {
                    @Override
                    public SourceReaderMetricGroup metricGroup() {
                        throw failure;
                    }
                };
        assertThatThrownBy(
                        () ->
                                RedisSourceReader.create(
                                        config(AckStrategy.ON_CHECKPOINT, ""),
                                        new WordDeserializer(),
                                        failing,
                                        engine,
                                        settings -> writer))
                .isSameAs(failure);
        assertThat(engine.calls).containsExactly("close");
    }

    private static RedisSourceConfig config(AckStrategy ackStrategy, String deadLetterStream) {
        return RedisSourceConfig.builder()
                .topicName("orders")
                .numPartitions(4)
                .consumerGroup("billing")
                .ackStrategy(ackStrategy)
                .failedDeserializationStreamName(deadLetterStream)
                .build();
    }

    private void open(AckStrategy ackStrategy, String deadLetterStream) {
        reader =
                RedisSourceReader.create(
                        config(ackStrategy, deadLetterStream),
                        new WordDeserializer(),
                        context,
                        engine,
                        settings -> {
                            writer.settings = settings;
                            return writer;
                        });
    }

    private static RedisSplit split(int partition, String position, String... pending) {
        List<EntryRun> runs = new ArrayList<>();
        for (String run : pending) {
            runs.add(EntryRun.parse(run));
        }
        return new RedisSplit(
                partition, "orders:" + partition, "billing", EntryId.parse(position), runs, null);
    }

    private void pollUntil(Callable<Boolean> condition) throws Exception {
        await(
                () -> {
                    if (condition.call()) {
                        return true;
                    }
                    reader.pollNext(output);
                    return condition.call();
                });
    }

    private void pollUntilEnd() throws Exception {
        await(() -> reader.pollNext(output) == InputStatus.END_OF_INPUT);
    }

    private static void await(Callable<Boolean> condition) throws Exception {
        long deadline = System.currentTimeMillis() + DEADLINE_MILLIS;
        while (!condition.call()) {
            assertThat(System.currentTimeMillis()).as("deadline").isLessThan(deadline);
            Thread.sleep(1);
        }
    }
}
