package com.redis.flink.source.partitioned.enumerator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.bridge.EnumeratorEngine;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.connector.testutils.source.reader.TestingSplitEnumeratorContext;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

class RedisSourceEnumeratorTest {

    private static final String FOUR_ON_TWO = "{\"owners\":[0,1,0,1],\"splits\":[%s]}";

    private final TestingSplitEnumeratorContext<RedisSplit> context =
            new TestingSplitEnumeratorContext<>(2);
    private final FakeEngine engine = new FakeEngine();

    @Test
    void givesEachReaderItsSplitsAndSaysThatThatIsAll() {
        RedisSourceEnumerator enumerator = fresh();
        register(enumerator, 0);
        register(enumerator, 1);
        enumerator.start();
        assertThat(assigned(0)).isEmpty();
        assertThat(hasAll(0)).isFalse();

        answer(0, 1, 2, 3);

        assertThat(engine.requests)
                .containsExactly("{\"parallelism\":2,\"restored\":false,\"known\":[]}");
        assertThat(engine.opened).isEqualTo(1);
        assertThat(engine.closed).isTrue();
        assertThat(assigned(0)).containsExactly("orders:0", "orders:2");
        assertThat(assigned(1)).containsExactly("orders:1", "orders:3");
        assertThat(hasAll(0)).isTrue();
        assertThat(hasAll(1)).isTrue();
        RedisEnumeratorState state = enumerator.snapshotState(1);
        assertThat(state.discovered()).containsExactly(0, 1, 2, 3);
        assertThat(state.unassigned()).isEmpty();
    }

    @Test
    void keepsSplitsForAReaderThatRegistersLate() {
        RedisSourceEnumerator enumerator = fresh();
        enumerator.start();
        register(enumerator, 0);
        answer(0, 1, 2, 3);

        assertThat(assigned(0)).containsExactly("orders:0", "orders:2");
        assertThat(streams(enumerator.snapshotState(1).unassigned()))
                .containsExactly("orders:1", "orders:3");

        register(enumerator, 1);
        assertThat(assigned(1)).containsExactly("orders:1", "orders:3");
        assertThat(hasAll(1)).isTrue();
        assertThat(enumerator.snapshotState(2).unassigned()).isEmpty();
    }

    @Test
    void aReaderWithoutSplitsOfAnUnboundedSourceStays() {
        RedisSourceEnumerator enumerator =
                new RedisSourceEnumerator(config("billing", 1), context, engine.factory());
        register(enumerator, 1);
        enumerator.start();
        engine.answer = "{\"owners\":[0],\"splits\":[" + split(0) + "]}";
        context.triggerAllActions();

        assertThat(assigned(1)).isEmpty();
        assertThat(hasAll(1)).isTrue();
        assertThat(hasNoMoreSplits(1)).isFalse();
    }

    @Test
    void aReaderWithoutSplitsOfABoundedSourceEnds() {
        RedisSourceConfig bounded =
                RedisSourceConfig.builder()
                        .topicName("orders")
                        .consumerGroup("billing")
                        .numPartitions(1)
                        .stoppingId("$")
                        .build();
        RedisSourceEnumerator enumerator =
                new RedisSourceEnumerator(bounded, context, engine.factory());
        register(enumerator, 1);
        enumerator.start();
        engine.answer = "{\"owners\":[0],\"splits\":[" + split(0) + "]}";
        context.triggerAllActions();

        assertThat(assigned(1)).isEmpty();
        assertThat(hasNoMoreSplits(1)).isTrue();
    }

    @Test
    void aSplitWithMorePendingEntriesThanAMessageTakesIsRefused() {
        RedisSourceEnumerator enumerator = restored(1, List.of(0), List.of(scattered(900_000)));
        register(enumerator, 0);
        enumerator.start();
        engine.answer = "{\"owners\":[0],\"splits\":[]}";
        assertThatThrownBy(context::triggerAllActions)
                .rootCause()
                .hasMessageContaining(
                        "Stream orders:0, group billing: 900000 entries are pending, their IDs"
                                + " measure ")
                .hasMessageContaining("Acknowledge those that need no work (XACK)");
    }

    /** IDs that no encoding makes short. */
    private static RedisSplit scattered(int entries) {
        List<EntryRun> pending = new ArrayList<>();
        for (long i = 0; i < entries; i++) {
            pending.add(EntryRun.of(EntryId.of(i, Long.MAX_VALUE - i), 1));
        }
        return new RedisSplit(0, "orders:0", "billing", EntryId.of(-1, -1), pending, null);
    }

    @Test
    void givesBackSplitsToTheReaderThatComesBack() {
        RedisSourceEnumerator enumerator = fresh();
        enumerator.start();
        answer(0, 1, 2, 3);
        register(enumerator, 0);
        List<RedisSplit> had = context.getSplitAssignments().get(0).getAssignedSplits();
        List<RedisSplit> back = new ArrayList<>(had);
        context.getSplitAssignments().remove(0);
        context.registeredReaders().remove(0);

        enumerator.addSplitsBack(back, 0);
        assertThat(enumerator.snapshotState(1).unassigned()).containsAll(back);

        register(enumerator, 0);
        assertThat(assigned(0)).containsExactly("orders:0", "orders:2");
        assertThat(hasAll(0)).isTrue();
        assertThat(streams(enumerator.snapshotState(2).unassigned()))
                .containsExactly("orders:1", "orders:3");
    }

    @Test
    void aRestoredJobDiscoversNothingWhenEverySplitIsWithAReader() {
        RedisSourceEnumerator enumerator = restored(4, List.of(0, 1, 2, 3), List.of());
        enumerator.start();
        register(enumerator, 0);

        assertThat(engine.opened).isZero();
        assertThat(assigned(0)).isEmpty();
        assertThat(hasAll(0)).isTrue();
    }

    @Test
    void aRestoredJobDiscoversPartitionsThatAreNew() {
        RedisSourceEnumerator enumerator = restored(4, List.of(0, 1), List.of());
        register(enumerator, 0);
        enumerator.start();
        answer(2, 3);

        assertThat(engine.requests)
                .containsExactly("{\"parallelism\":2,\"restored\":true,\"known\":[0,1]}");
        assertThat(assigned(0)).containsExactly("orders:2");
        assertThat(enumerator.snapshotState(1).discovered()).containsExactly(0, 1, 2, 3);
    }

    @Test
    void splitsThatWereUnassignedFindTheirReaderAfterRescaling() {
        RedisSplit waiting =
                new RedisSplit(3, "orders:3", "billing", EntryId.of(7, 7), List.of(), null);
        RedisSourceEnumerator enumerator = restored(4, List.of(0, 1, 2, 3), List.of(waiting));
        register(enumerator, 1);
        enumerator.start();
        assertThat(enumerator.snapshotState(1).unassigned()).containsExactly(waiting);
        answer();

        assertThat(context.getSplitAssignments().get(1).getAssignedSplits())
                .containsExactly(waiting);
    }

    @Test
    void aCheckpointBeforeTheFirstDiscoveryIsAsGoodAsNone() {
        RedisEnumeratorState early = fresh().snapshotState(1);
        RedisSourceEnumerator enumerator =
                RedisSourceEnumerator.restore(
                        config("billing", 4), context, engine.factory(), early);
        enumerator.start();
        answer(0, 1, 2, 3);

        assertThat(engine.requests)
                .containsExactly("{\"parallelism\":2,\"restored\":false,\"known\":[]}");
    }

    @Test
    void aStateOfAnotherGroupIsNotUsed() {
        RedisEnumeratorState other =
                new RedisEnumeratorState("orders", "other", List.of(0, 1, 2, 3), List.of());
        RedisSourceEnumerator enumerator =
                RedisSourceEnumerator.restore(
                        config("billing", 4), context, engine.factory(), other);
        register(enumerator, 0);
        enumerator.start();
        answer(0, 1, 2, 3);

        assertThat(engine.requests)
                .containsExactly("{\"parallelism\":2,\"restored\":false,\"known\":[]}");
        assertThat(assigned(0)).containsExactly("orders:0", "orders:2");
    }

    @Test
    void refusesToForgetPartitions() {
        assertThatThrownBy(() -> restored(2, List.of(0, 1, 2, 3), List.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage(
                        "Topic orders: the restored state has partitions up to 3 but option"
                            + " numPartitions is 2, so what is left in partitions [2, 3] would"
                            + " never be read; set it to 4 or more, or start without that state.");
    }

    @Test
    void closingEndsADiscovery() {
        RedisSourceEnumerator enumerator = fresh();
        register(enumerator, 0);
        enumerator.start();
        enumerator.close();
        enumerator.close();
        assertThat(engine.closed).isTrue();

        answer(0, 1, 2, 3);
        assertThat(assigned(0)).isEmpty();
    }

    private RedisSourceEnumerator fresh() {
        return new RedisSourceEnumerator(config("billing", 4), context, engine.factory());
    }

    private RedisSourceEnumerator restored(
            int numPartitions, List<Integer> discovered, List<RedisSplit> unassigned) {
        return RedisSourceEnumerator.restore(
                config("billing", numPartitions),
                context,
                engine.factory(),
                new RedisEnumeratorState("orders", "billing", discovered, unassigned));
    }

    private static RedisSourceConfig config(String group, int numPartitions) {
        return RedisSourceConfig.builder()
                .topicName("orders")
                .consumerGroup(group)
                .numPartitions(numPartitions)
                .build();
    }

    private void register(RedisSourceEnumerator enumerator, int reader) {
        context.registerReader(reader, "host");
        enumerator.addReader(reader);
    }

    /** Lets the discovery end with these partitions, of four. */
    private void answer(int... partitions) {
        List<String> splits = new ArrayList<>();
        for (int partition : partitions) {
            splits.add(split(partition));
        }
        engine.answer = String.format(FOUR_ON_TWO, String.join(",", splits));
        context.triggerAllActions();
    }

    private static String split(int partition) {
        return "{\"partition\":"
                + partition
                + ",\"position\":\"5-0\",\"pending\":[],\"stoppingId\":null}";
    }

    private List<String> assigned(int reader) {
        return context.getSplitAssignments().containsKey(reader)
                ? streams(context.getSplitAssignments().get(reader).getAssignedSplits())
                : List.of();
    }

    private boolean hasAll(int reader) {
        return context.getSentEvents().getOrDefault(reader, List.of()).stream()
                .anyMatch(AllSplitsAssigned.class::isInstance);
    }

    private boolean hasNoMoreSplits(int reader) {
        return context.getSplitAssignments().containsKey(reader)
                && context.getSplitAssignments().get(reader).hasReceivedNoMoreSplitsSignal();
    }

    private static List<String> streams(List<RedisSplit> splits) {
        return splits.stream().map(RedisSplit::stream).collect(Collectors.toList());
    }

    private static final class FakeEngine implements EnumeratorEngine {

        final List<String> requests = new ArrayList<>();
        String answer;
        int opened;
        boolean closed;

        Factory factory() {
            return settings -> {
                opened++;
                return this;
            };
        }

        @Override
        public String discover(String request) throws IOException {
            requests.add(request);
            return answer;
        }

        @Override
        public void close() {
            closed = true;
        }
    }
}
