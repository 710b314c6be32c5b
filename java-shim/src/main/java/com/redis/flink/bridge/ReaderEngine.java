package com.redis.flink.bridge;

import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * What the source needs of the native reader, so that its Java side can be tested without one.
 * Every method may be called by any thread, also while another one waits in {@link #poll}.
 */
@Internal
public interface ReaderEngine extends AutoCloseable {

    /** Starts to read splits: a JSON array, see docs/architecture.md. */
    void addSplits(String splits) throws IOException;

    /**
     * Returns the next batch of any split.
     *
     * @param maxWaitMillis how long to wait for one
     * @return null when there is none by then, or after {@link #wakeUp}
     * @throws IOException what ended a split
     */
    EntryBatch poll(int maxWaitMillis) throws IOException;

    /** Lets the current poll, or the next one, return at once. */
    void wakeUp();

    /** Holds back, or gives out again, the batches of these partitions. */
    void pauseOrResume(int[] pause, int[] resume);

    /**
     * Every entry of the partition up to this ID has been emitted. 0-0: the stream was recreated,
     * and everything of the old one that was given out has been emitted.
     */
    void emitted(int partition, long milliseconds, long sequence);

    /** What a checkpoint holds: a JSON array of positions, see docs/architecture.md. */
    void checkpoint(long checkpointId, String positions);

    /** The checkpoint completed: its entries may be acknowledged. Does not wait for that. */
    void complete(long checkpointId) throws IOException;

    /** The checkpoint was aborted: its entries belong to the next one. */
    void abort(long checkpointId);

    /** Returns what the reader has counted so far: a JSON object of numbers. */
    String stats();

    /** Ends reading, in 5 seconds at most. */
    @Override
    void close();
}
