package com.redis.flink.bench.lab;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Waits for conditions. */
public final class Await {

    /** However slow the machine is. */
    public static final Duration LIMIT = Duration.ofMinutes(2);

    /** Short beside what is measured, and long beside what asking costs. */
    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(4);

    private Await() {}

    /**
     * Waits until a condition holds.
     *
     * @throws IllegalStateException it does not, within {@link #LIMIT}
     */
    public static void until(String what, Callable<Boolean> condition) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (!condition.call()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("not within " + LIMIT + ": " + what);
            }
            if (Thread.interrupted()) {
                throw new InterruptedException(what);
            }
            LockSupport.parkNanos(PAUSE);
        }
    }
}
