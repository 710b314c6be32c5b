package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.RedisSplitSerializer;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class RedisSplitStateTest {

    @Test
    void theLastEntryIsThePosition() {
        RedisSplitState state = state("3-0");

        state.emitted(3, 1);
        state.emitted(4, 0);

        assertThat(state.toSplit()).isEqualTo(split("4-0"));
        assertThat(state.emittedUpTo()).hasToString("4-0");
    }

    @Test
    void pendingEntriesGoFromTheHeadAndLeaveThePosition() {
        RedisSplitState state = state("9-0", "1-0+3", "2-5+1", "3-0+2");

        state.emitted(1, 0);
        assertThat(state.toSplit()).isEqualTo(split("9-0", "1-1+2", "2-5+1", "3-0+2"));
        assertThat(state.emittedUpTo()).hasToString("1-0");

        state.emitted(1, 2);
        assertThat(state.toSplit()).isEqualTo(split("9-0", "2-5+1", "3-0+2"));

        // 2-5 was deleted: it never comes.
        state.emitted(3, 0);
        assertThat(state.toSplit()).isEqualTo(split("9-0", "3-1+1"));

        state.emitted(3, 1);
        assertThat(state.toSplit()).isEqualTo(split("9-0"));
        assertThat(state.emittedUpTo()).hasToString("9-0");
    }

    @Test
    void anEntryBeyondThePositionEndsThePending() {
        RedisSplitState state = state("9-0", "8-0+1");

        state.emitted(9, 1);

        assertThat(state.toSplit()).isEqualTo(split("9-1"));
    }

    @Test
    void aBatchMayGoBeyondItsLastEntry() {
        RedisSplitState state = state("3-0");

        state.emitted(4, 0);
        state.positioned(6, 0, false);

        assertThat(state.toSplit()).isEqualTo(split("6-0"));
    }

    @Test
    void pendingEntriesThatWereDeletedGoWithTheFirstBatchBehindThem() {
        RedisSplitState state = state("9-0", "1-0+2", "2-0+1");

        state.emitted(1, 0);
        state.positioned(9, 0, true);
        assertThat(state.toSplit()).isEqualTo(split("9-0", "1-1+1", "2-0+1"));

        state.positioned(9, 0, false);
        assertThat(state.toSplit()).isEqualTo(split("9-0"));
    }

    @Test
    void aServerThatLostWritesTakesThePositionBack() {
        RedisSplitState state = state("9-0");

        state.positioned(5, 0, false);
        state.emitted(5, 1);

        assertThat(state.toSplit()).isEqualTo(split("5-1"));
    }

    @Test
    void idsAreUnsigned() {
        RedisSplitState state = state("9223372036854775807-0");

        state.emitted(Long.MIN_VALUE, -1);

        assertThat(state.toSplit()).isEqualTo(split("9223372036854775808-18446744073709551615"));
    }

    @Test
    void theStateIsAsSmallAfterAMillionEntriesAsBefore() throws Exception {
        RedisSplitSerializer serializer = new RedisSplitSerializer();
        RedisSplitState state = state("1700000000000-0");
        int before = serializer.serialize(state.toSplit()).length;

        for (long entry = 1; entry <= 1_000_000; entry++) {
            state.emitted(1_700_000_000_000L + entry / 7, entry % 7);
        }

        assertThat(serializer.serialize(state.toSplit())).hasSize(before);
    }

    private static RedisSplitState state(String position, String... pending) {
        return new RedisSplitState(split(position, pending));
    }

    private static RedisSplit split(String position, String... pending) {
        List<EntryRun> runs = Stream.of(pending).map(EntryRun::parse).collect(Collectors.toList());
        return new RedisSplit(0, "orders:0", "billing", EntryId.parse(position), runs, null);
    }
}
