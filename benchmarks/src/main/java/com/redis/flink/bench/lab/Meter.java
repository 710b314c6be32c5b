package com.redis.flink.bench.lab;

import org.apache.flink.api.common.functions.MapFunction;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counts the records that pass a place of a job in this JVM, and can hold the first one back. There
 * is one at a time, as jobs run one after the other, and one task counts.
 */
public final class Meter {

    private static volatile Meter current = new Meter();

    private final AtomicLong count = new AtomicLong();
    private final CountDownLatch gate = new CountDownLatch(1);

    private Meter() {}

    /** Begins to count anew, for the job that is made next. */
    public static Meter reset() {
        current = new Meter();
        return current;
    }

    public long count() {
        return count.get();
    }

    /** Lets those through who wait at the gate. */
    public void openGate() {
        gate.countDown();
    }

    /** Counts what passes. */
    public static <T> MapFunction<T, T> counting() {
        return new Counting<>();
    }

    /** Counts the first record, and then lets none pass until {@link #openGate}. */
    public static <T> MapFunction<T, T> gate() {
        return new Gate<>();
    }

    private void awaitGate() throws InterruptedException {
        count.set(1);
        if (!gate.await(Await.LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("the gate was not opened");
        }
    }

    private static final class Gate<T> implements MapFunction<T, T> {

        private static final long serialVersionUID = 1L;

        private transient boolean passed;

        @Override
        public T map(T record) throws Exception {
            if (!passed) {
                current.awaitGate();
                passed = true;
            }
            return record;
        }
    }

    private static final class Counting<T> implements MapFunction<T, T> {

        private static final long serialVersionUID = 1L;

        private transient AtomicLong count;

        @Override
        public T map(T record) {
            if (count == null) {
                count = current.count;
            }
            count.lazySet(count.getPlain() + 1);
            return record;
        }
    }
}
