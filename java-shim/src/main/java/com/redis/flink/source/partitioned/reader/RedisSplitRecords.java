package com.redis.flink.source.partitioned.reader;

import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.connector.base.source.reader.RecordsWithSplitIds;

import java.util.Collections;
import java.util.Set;
import java.util.function.Consumer;

/**
 * One batch on its way from the fetcher thread to the task thread, which alone calls the methods
 * here.
 *
 * <p>That all of it has been emitted shows in {@link #nextSplit} being asked for the split after
 * it, and is told then: before the reader base forgets a finished split. Being recycled says less,
 * as a reader that closes recycles what it never emitted.
 */
@Internal
final class RedisSplitRecords implements RecordsWithSplitIds<EntryBatch> {

    private static final RedisSplitRecords NOTHING = new RedisSplitRecords(null, null, null);

    private final String splitId;
    private final EntryBatch batch;
    private final Consumer<EntryBatch> emitted;
    private boolean begun;

    private RedisSplitRecords(String splitId, EntryBatch batch, Consumer<EntryBatch> emitted) {
        this.splitId = splitId;
        this.batch = batch;
        this.emitted = emitted;
    }

    /** Returns a batch of that split; {@code emitted} is called when all of it has been emitted. */
    static RedisSplitRecords of(String splitId, EntryBatch batch, Consumer<EntryBatch> emitted) {
        return new RedisSplitRecords(splitId, batch, emitted);
    }

    /** Returns what a fetch gives when nothing came in its time. */
    static RedisSplitRecords nothing() {
        return NOTHING;
    }

    @Override
    public String nextSplit() {
        if (batch == null) {
            return null;
        }
        if (begun) {
            emitted.accept(batch);
            return null;
        }
        begun = true;
        return splitId;
    }

    @Override
    public EntryBatch nextRecordFromSplit() {
        return batch.advance() ? batch : null;
    }

    @Override
    public Set<String> finishedSplits() {
        return batch != null && batch.isFinished()
                ? Collections.singleton(splitId)
                : Collections.emptySet();
    }
}
