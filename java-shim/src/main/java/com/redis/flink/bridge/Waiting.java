package com.redis.flink.bridge;

/**
 * How Java waits for the engine: in slices, since native code knows no interrupts. So an
 * interrupted thread is out within one slice.
 */
final class Waiting {

    /** How long one native call may wait. */
    static final int SLICE_MILLIS = 100;

    private Waiting() {}

    /** Between two slices. */
    static void throwIfInterrupted() throws InterruptedException {
        NativeLogs.drain();
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted while waiting for Redis");
        }
    }
}
