package com.redis.flink.sink.staging;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.sink2.InitContext;
import org.apache.flink.metrics.MetricGroup;

import java.security.SecureRandom;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.UUID;

/**
 * The lanes of exactly-once writers. A lane is the part of a staging stream's name that says whose
 * it is: exactly one writer owns it at a time, so that whoever owns it may delete in it.
 */
@Internal
public final class Lanes {

    /** A variable of Flink's metric groups; no other way leads from a writer to its operator. */
    private static final String OPERATOR_ID = "<operator_id>";

    private static final SecureRandom RANDOM = new SecureRandom();

    private Lanes() {}

    /**
     * Returns what a starting writer owns: the state that Flink gives it, which after rescaling may
     * be that of several writers or of none. Without state it is a lane that no checkpoint can hold
     * yet, and that is the same again when this start is repeated, so that what the one before has
     * staged is found: job, operator and subtask say whose it is, and the checkpoint that the job
     * is restored from, if any, says since when.
     */
    public static List<RedisWriterState> of(
            InitContext context, MetricGroup metrics, Collection<RedisWriterState> recovered) {
        if (!recovered.isEmpty()) {
            return List.copyOf(recovered);
        }
        // A job may have several sinks, also to the same topic.
        String operator = metrics.getAllVariables().get(OPERATOR_ID);
        if (operator == null) {
            return List.of();
        }
        String lane =
                context.getJobInfo().getJobId()
                        + "-"
                        + operator
                        + "-"
                        + context.getTaskInfo().getIndexOfThisSubtask();
        OptionalLong restored = context.getRestoredCheckpointId();
        if (restored.isPresent()) {
            lane += "-" + restored.getAsLong();
        }
        return List.of(new RedisWriterState(lane, "", 0));
    }

    /** Returns a lane that no other writer has. */
    static String create() {
        return UUID.randomUUID().toString();
    }

    /** Returns a name for a writer's life. */
    static String incarnation() {
        return String.format(Locale.ROOT, "%016x", RANDOM.nextLong());
    }
}
