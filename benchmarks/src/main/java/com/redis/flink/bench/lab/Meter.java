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

    public void await(long records) throws Exception {
        Await.until(records + " records", () -> count.get() >= records);
    }

    /** Lets those through who wait at the gate. */
    public void openGate() {
        gate.countDown();
    }

    /** Counts what passes. */
    public static <T> MapFunction<T, T> counting() {
        return new Counting<>();
    }

    /** Holds up whatever passes until {@link #openGate}; one record is counted before. */
    public static void awaitGate() throws InterruptedException {
        Meter meter = current;
        meter.count.lazySet(1);
        if (!meter.gate.await(Await.LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            throw new IllegalStateException("the gate was not opened");
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
