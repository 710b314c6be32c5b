package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * What an exactly-once sink needs of the native committer, so that its Java side can be tested
 * without one. All arguments are JSON, see docs/architecture.md.
 */
@Internal
public interface CommitterEngine extends AutoCloseable {

    /**
     * Makes staged epochs visible, in the order given; what is visible already stays as it is.
     * Returns when all are.
     */
    void commit(String committables) throws IOException, InterruptedException;

    /**
     * Deletes what earlier writers have staged in these lanes, but for the epochs that a checkpoint
     * holds; those live on.
     */
    void recover(String lanes) throws IOException, InterruptedException;

    /** Ends, in 5 seconds at most; a commit under way may be done or not. */
    @Override
    void close();

    /** Opens a committer with the sink's settings as JSON. */
    @FunctionalInterface
    interface Factory {
        CommitterEngine open(String settings) throws IOException;
    }
}
