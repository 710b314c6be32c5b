package com.redis.flink.source.partitioned;

import org.apache.flink.annotation.PublicEvolving;

/**
 * When an entry that was read is acknowledged, and so leaves the consumer group's pending entries.
 * With checkpoints every one of them gives each entry exactly once to the job's state; they differ
 * in what a job finds that has no state to restore.
 */
@PublicEvolving
public enum AckStrategy {

    /**
     * When the checkpoint that holds the entry completes. Without a state to restore: at least
     * once, since entries that are not acknowledged are read again. Needs checkpoints: without them
     * nothing is ever acknowledged. The default.
     */
    ON_CHECKPOINT,

    /**
     * In batches, right after the entries were emitted. Without a state to restore: at most once
     * past that point.
     */
    ON_EMIT,

    /**
     * Entries are read with {@code NOACK} and never become pending. Without a state to restore: at
     * most once.
     */
    NOACK,

    /**
     * Entries are read by position, as with Kafka, and nothing is ever pending: when a checkpoint
     * completes, the group's position is set to the checkpoint's ({@code XGROUP SETID}), so that
     * {@code XINFO GROUPS} shows the lag. Costs the server a third of what {@link #ON_CHECKPOINT}
     * does. Without a state to restore: at least once, from the committed position.
     */
    COMMIT_POSITION
}
