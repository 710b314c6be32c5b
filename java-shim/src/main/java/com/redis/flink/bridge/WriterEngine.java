package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * What a sink and the dead letters need of the native writer, so that they can be tested without
 * one.
 */
@Internal
public interface WriterEngine extends AutoCloseable {

    /**
     * Hands over a batch; waits while too much is in flight.
     *
     * @param batch in the layout of docs/architecture.md; may be used again afterwards
     * @param length how many of its bytes are the batch
     */
    void write(byte[] batch, int length) throws IOException, InterruptedException;

    /** Waits until Redis has confirmed everything that was written. */
    void flush() throws IOException, InterruptedException;

    /**
     * Does what the engine needs of Java now: provides credentials, gives out log events. To be
     * called regularly, also while there is nothing to write; never blocks but in the job's {@code
     * CredentialsProvider}.
     *
     * @return whether it should be called again soon: something is in flight, or a connect waits
     * @throws IOException what has ended the writer, at once and again at every call
     */
    boolean tick() throws IOException;

    /** Ends writing, in 5 seconds at most; what is not flushed may be lost. */
    @Override
    void close();

    /** Opens a writer with the sink's settings as JSON. */
    @FunctionalInterface
    interface Factory {
        WriterEngine open(String settings) throws IOException;
    }
}
