package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * What the source needs of the native enumerator, so that its Java side can be tested without one.
 */
@Internal
public interface EnumeratorEngine extends AutoCloseable {

    /**
     * Makes the groups that are missing and reads the positions: JSON to JSON, see
     * docs/architecture.md. Blocks; ends when the calling thread is interrupted or another one
     * calls {@link #close}.
     */
    String discover(String request) throws IOException, InterruptedException;

    @Override
    void close();

    /** Opens an enumerator with the source's settings as JSON. */
    @FunctionalInterface
    interface Factory {
        EnumeratorEngine open(String settings) throws IOException;
    }
}
