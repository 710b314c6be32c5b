package com.redis.flink.source.partitioned.reader;

import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.annotation.Internal;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;

/**
 * How far a split has been emitted: its position P and the entries H up to P that are still to come
 * (semantics of the source, see docs/architecture.md). Task thread only. Two longs and not an
 * object, as they change with every entry.
 */
@Internal
public final class RedisSplitState {

    private final RedisSplit split;
    private final Deque<EntryRun> pending;
    private long milliseconds;
    private long sequence;

    /** The entry emitted last; only of use while {@code pending} is not empty. */
    private long lastMilliseconds;

    private long lastSequence;

    public RedisSplitState(RedisSplit split) {
        this.split = split;
        this.pending = new ArrayDeque<>(split.pending());
        this.milliseconds = split.position().milliseconds();
        this.sequence = split.position().sequence();
    }

    public String stream() {
        return split.stream();
    }

    public int partition() {
        return split.partition();
    }

    /**
     * An entry has been emitted. One beyond P becomes P, and H is through, since the engine gives H
     * first; one up to P is of H, and with it goes whatever stood before it (its data was deleted,
     * so it never came).
     */
    public void emitted(long entryMilliseconds, long entrySequence) {
        lastMilliseconds = entryMilliseconds;
        lastSequence = entrySequence;
        if (EntryId.compare(entryMilliseconds, entrySequence, milliseconds, sequence) > 0) {
            milliseconds = entryMilliseconds;
            sequence = entrySequence;
            pending.clear();
        } else {
            dropPendingUpTo(entryMilliseconds, entrySequence);
        }
    }

    /**
     * All of a batch has been emitted: P is what the batch says. That may be beyond its last entry
     * (entries that were deleted), or lower than P (the server has lost writes, and the engine
     * starts again below them). A batch that is not of H comes after all of H; what is left of it
     * then was deleted.
     */
    public void positioned(long positionMilliseconds, long positionSequence, boolean ofPending) {
        milliseconds = positionMilliseconds;
        sequence = positionSequence;
        if (!ofPending) {
            pending.clear();
        }
    }

    /**
     * Returns the ID up to which every entry that the job was given has been emitted: P, but not
     * while H is being worked off.
     */
    public EntryId emittedUpTo() {
        return pending.isEmpty()
                ? EntryId.of(milliseconds, sequence)
                : EntryId.of(lastMilliseconds, lastSequence);
    }

    /** Returns what a checkpoint holds of the split. */
    public RedisSplit toSplit() {
        return new RedisSplit(
                split.partition(),
                split.stream(),
                split.consumerGroup(),
                EntryId.of(milliseconds, sequence),
                new ArrayList<>(pending),
                split.stoppingId().orElse(null));
    }

    private void dropPendingUpTo(long entryMilliseconds, long entrySequence) {
        while (!pending.isEmpty()) {
            EntryRun head = pending.peekFirst();
            EntryId last = head.last();
            if (EntryId.compare(
                            entryMilliseconds, entrySequence, last.milliseconds(), last.sequence())
                    < 0) {
                EntryRun rest = head.after(entryMilliseconds, entrySequence);
                if (rest != head) {
                    pending.pollFirst();
                    pending.addFirst(rest);
                }
                return;
            }
            pending.pollFirst();
        }
    }
}
