package com.redis.flink.source.partitioned.reader;

import org.apache.flink.util.FlinkRuntimeException;

import java.io.IOException;

/**
 * Ways out of methods of Flink's that declare no exception. The message stays: it is what a user
 * sees first.
 */
final class Exceptions {

    private Exceptions() {}

    static FlinkRuntimeException unchecked(IOException failure) {
        return new FlinkRuntimeException(failure.getMessage(), failure);
    }

    /** Keeps the interrupt for whoever waits next. */
    static FlinkRuntimeException unchecked(InterruptedException interrupt) {
        Thread.currentThread().interrupt();
        return new FlinkRuntimeException("interrupted while waiting for Redis", interrupt);
    }
}
