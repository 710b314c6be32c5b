package com.redis.flink.bridge;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The handle of one native object. Any thread may call; whoever closes first takes the handle out,
 * so that it is closed once. A call that has taken the handle just before that finds nothing on the
 * native side (handles are never used again): it returns {@code null}, {@code false} or nothing,
 * and no exception. A caller who needs an answer asks here then, and gets the {@link
 * IllegalStateException}.
 */
final class NativeHandle {

    private static final long CLOSED = 0;

    private final String owner;
    private final AtomicLong handle;

    NativeHandle(String owner, long handle) {
        this.owner = owner;
        this.handle = new AtomicLong(handle);
    }

    long get() {
        long current = handle.get();
        if (current == CLOSED) {
            throw new IllegalStateException("The " + owner + " is closed.");
        }
        return current;
    }

    /**
     * Returns the answer of a native call that has one to give unless its object was closed
     * meanwhile.
     */
    <T> T orClosed(T answer) {
        if (answer == null) {
            get();
        }
        return answer;
    }

    /** Gives the handle to the first caller, who must close it, and 0 to all others. */
    long release() {
        return handle.getAndSet(CLOSED);
    }
}
