package com.redis.flink.testing;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/** Waits for a condition, with a deadline: a test never sleeps and hopes. */
public final class Await {

    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(20);

    private Await() {}

    /**
     * Waits until the condition holds; what it throws meanwhile is the cause of the failure in the
     * end.
     */
    public static void until(String what, Duration limit, Callable<Boolean> condition) {
        value(what, limit, condition, holds -> holds);
    }

    /** Waits until the value satisfies the condition, and returns it. */
    public static <T> T value(
            String what, Duration limit, Callable<T> source, Predicate<T> condition) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            T value = null;
            Exception thrown = null;
            try {
                value = source.call();
                if (condition.test(value)) {
                    return value;
                }
            } catch (Exception e) {
                thrown = e;
            }
            if (Thread.interrupted() || System.nanoTime() > deadline) {
                throw new AssertionError(
                        "not within " + limit + ": " + what + ", but " + value, thrown);
            }
            LockSupport.parkNanos(PAUSE);
        }
    }
}
