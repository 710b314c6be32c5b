package com.redis.flink.sink.staging;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.JobInfo;
import org.apache.flink.api.common.JobInfoImpl;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.TaskInfoImpl;
import org.apache.flink.api.connector.sink2.InitContext;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** Which lanes a starting writer owns. */
class LanesTest {

    private static final JobID JOB = new JobID(1, 2);
    private static final OptionalLong NOTHING = OptionalLong.empty();

    private static List<RedisWriterState> owned(
            int subtask, OptionalLong restored, String operator, RedisWriterState... recovered) {
        return Lanes.of(new Context(subtask, restored), new Operator(operator), List.of(recovered));
    }

    @Test
    void withoutAnyCheckpointTheLaneIsTheSameInEachAttempt() {
        assertThat(owned(3, NOTHING, "op"))
                .containsExactly(new RedisWriterState(JOB + "-op-3", "", 0));
    }

    @Test
    void twoSinksOfAJobShareNoLane() {
        assertThat(owned(0, NOTHING, "op-1"))
                .doesNotContainAnyElementsOf(owned(0, NOTHING, "op-2"));
        assertThat(owned(0, NOTHING, null)).isEmpty(); // so it mints one
    }

    @Test
    void stateIsOwned() {
        RedisWriterState one = new RedisWriterState("1", "a", 7);
        RedisWriterState two = new RedisWriterState("2", "b", 8);

        assertThat(owned(0, OptionalLong.of(9), "op", one, two)).containsExactly(one, two);
    }

    @Test
    void aWriterThatRescalingHasAddedHasALaneThatNoCheckpointHolds() {
        RedisWriterState added = owned(3, OptionalLong.of(9), "op").get(0);

        assertThat(added).isEqualTo(new RedisWriterState(JOB + "-op-3-9", "", 0));
        assertThat(owned(3, OptionalLong.of(9), "op")).containsExactly(added);
        // The lane of its number may be in the state of another one.
        assertThat(owned(3, NOTHING, "op")).doesNotContain(added);
        assertThat(owned(3, OptionalLong.of(10), "op")).doesNotContain(added);
    }

    @Test
    void namesAreNotUsedTwice() {
        assertThat(Lanes.create()).isNotEqualTo(Lanes.create()).doesNotContain(":");
        assertThat(Lanes.incarnation()).isNotEqualTo(Lanes.incarnation()).matches("[0-9a-f]{16}");
    }

    private static final class Context implements InitContext {

        private final int subtask;
        private final OptionalLong restored;

        Context(int subtask, OptionalLong restored) {
            this.subtask = subtask;
            this.restored = restored;
        }

        @Override
        public OptionalLong getRestoredCheckpointId() {
            return restored;
        }

        @Override
        public JobInfo getJobInfo() {
            return new JobInfoImpl(JOB, "job");
        }

        @Override
        public TaskInfo getTaskInfo() {
            return new TaskInfoImpl("sink", 8, subtask, 8, 0);
        }
    }

    private static final class Operator extends UnregisteredMetricsGroup implements MetricGroup {

        private final String id;

        Operator(String id) {
            this.id = id;
        }

        @Override
        public Map<String, String> getAllVariables() {
            return id == null ? Map.of() : Map.of("<operator_id>", id);
        }
    }
}
