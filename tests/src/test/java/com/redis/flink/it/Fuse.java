package com.redis.flink.it;

import org.apache.flink.api.common.functions.MapFunction;

import java.util.concurrent.atomic.AtomicInteger;

/** Lets records pass, and fails the job when the test wants it. */
public final class Fuse<T> implements MapFunction<T, T> {

    private static final long serialVersionUID = 1L;

    private final Shared<AtomicInteger> left = new Shared<>(new AtomicInteger());
    private final Shared<AtomicInteger> blown = new Shared<>(new AtomicInteger());

    /** Fails the job, once, with the record that comes so many from now on. */
    public void blowAfter(int records) {
        left.get().set(records);
    }

    /** How often it has failed the job. */
    public int blown() {
        return blown.get().get();
    }

    @Override
    public T map(T record) {
        if (left.get().getAndUpdate(n -> n > 0 ? n - 1 : 0) == 1) {
            blown.get().incrementAndGet();
            throw new IllegalStateException("the test wants this job to fail");
        }
        return record;
    }
}
