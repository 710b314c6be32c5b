package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One object of the engine: its handle, and its pulse.
 *
 * <p>The engine never calls Java. So Java asks the object regularly, with {@link #tick}: a timer of
 * the task's thread does (sinks), the fetcher's thread before each poll (sources), and whoever
 * waits for work, between two slices of the wait. A tick provides the credentials that connects
 * wait for, throws what has ended the object, and gives out its log events. Nothing of it waits for
 * the next record.
 *
 * <p>Any thread may call, also while another one closes.
 */
abstract class NativeObject implements AutoCloseable {

    /** How long one native call may wait: native code knows no interrupts. */
    static final int SLICE_MILLIS = 100;

    /** For a supplier that does not heed interrupts. */
    private static final int JOIN_MILLIS = 1000;

    // Bits of a tick; native_object.rs has them, too.
    static final int CREDENTIALS_REQUESTED = 1;
    static final int LOGS_WAITING = 2;
    static final int BUSY = 4;

    private static final Logger LOG = LoggerFactory.getLogger(NativeObject.class);

    private final NativeHandle handle;
    private final Optional<CredentialsSupplier> supplier;
    private final Natives natives;

    /**
     * Held while credentials are fetched: what is provided must have been fetched after the
     * connects that wait for it began to wait.
     */
    private final ReentrantLock providing = new ReentrantLock();

    /**
     * @param name of the object, for messages
     * @param supplier what must be asked for at every connect; there is one if the settings say
     *     that connects ask
     */
    NativeObject(String name, long handle, Optional<CredentialsSupplier> supplier) {
        this(name, handle, supplier, new LibraryNatives());
    }

    NativeObject(
            String name, long handle, Optional<CredentialsSupplier> supplier, Natives natives) {
        this.handle = new NativeHandle(name, handle);
        this.supplier = supplier;
        this.natives = natives;
    }

    /**
     * Returns the handle.
     *
     * @throws IllegalStateException the object is closed
     */
    final long handle() {
        return handle.get();
    }

    /** Returns the answer of a native call; {@code null} means that the object was closed. */
    final <T> T orClosed(T answer) {
        return handle.orClosed(answer);
    }

    /**
     * Does what the engine needs of Java now. One cheap native call as a rule. May call user code:
     * the job's {@code CredentialsProvider}.
     *
     * @return whether it should be called again soon (in 100 ms) rather than after a second
     * @throws IOException what has ended the object, again at every call; or the credentials
     *     supplier has failed
     */
    public boolean tick() throws IOException {
        return tick(handle());
    }

    private boolean tick(long handle) throws IOException {
        int flags;
        try {
            flags = natives.tick(handle);
        } catch (IOException | RuntimeException e) {
            NativeLogs.publish(natives.drainLogs());
            throw e;
        }
        if ((flags & LOGS_WAITING) != 0) {
            NativeLogs.publish(natives.drainLogs());
        }
        // Counters for Flink's metrics will be fetched here.
        if ((flags & CREDENTIALS_REQUESTED) != 0) {
            provide(handle);
        }
        return (flags & (CREDENTIALS_REQUESTED | BUSY)) != 0;
    }

    private void provide(long handle) throws IOException {
        // Whom another thread does not provide now waits for the next tick.
        if (!hasSupplier() || !providing.tryLock()) {
            return;
        }
        try {
            // Again, since another thread may just have provided them.
            if ((natives.tick(handle) & CREDENTIALS_REQUESTED) != 0) {
                natives.provide(handle, supplier.get().get());
            }
        } finally {
            providing.unlock();
        }
    }

    /** Returns whether connects ask for credentials at all. */
    final boolean hasSupplier() {
        return supplier.isPresent();
    }

    /** Returns whether a connect waits for credentials; does not provide them. */
    final boolean isCredentialsRequested() throws IOException {
        return hasSupplier() && (natives.tick(handle()) & CREDENTIALS_REQUESTED) != 0;
    }

    /**
     * Waits for the engine, in slices, with a tick before each.
     *
     * @throws IOException what the call or a tick has failed with
     * @throws InterruptedException the thread was interrupted; noticed within one slice
     */
    final void await(Slice slice) throws IOException, InterruptedException {
        try {
            tick();
            while (!slice.isDone(handle(), SLICE_MILLIS)) {
                if (Thread.interrupted()) {
                    throw new InterruptedException("interrupted while waiting for Redis");
                }
                tick();
            }
        } finally {
            NativeLogs.publish(natives.drainLogs());
        }
    }

    /** Closes the object, once; in 5 seconds at most. */
    @Override
    public void close() {
        long released = handle.release();
        if (released != 0) {
            try {
                beforeClose(released);
            } finally {
                natives.close(released);
                NativeLogs.publish(natives.drainLogs());
            }
        }
    }

    /** Called once, before the object is closed; ticks of this handle still work. */
    void beforeClose(long handle) {}

    /**
     * Makes a native call that waits without coming back in between, and ticks meanwhile in a
     * thread of its own, so that connects get their credentials.
     */
    final void tickDuring(long handle, Runnable call) {
        Thread ticking = new Thread(() -> tickUntilInterrupted(handle), "redis-credentials");
        ticking.setDaemon(true);
        ticking.start();
        try {
            call.run();
        } finally {
            end(ticking);
        }
    }

    static void end(Thread thread) {
        thread.interrupt();
        try {
            thread.join(JOIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void tickUntilInterrupted(long handle) {
        try {
            while (!Thread.interrupted()) {
                tick(handle);
                Thread.sleep(SLICE_MILLIS);
            }
        } catch (InterruptedException e) {
            // The call is over.
        } catch (IOException | RuntimeException e) {
            LOG.warn("What is being closed cannot connect any more: {}", e.getMessage());
        }
    }

    /** A native call that waits for a part of the time only. */
    @FunctionalInterface
    interface Slice {

        /** Returns whether what the call waits for is done. */
        boolean isDone(long handle, int maxWaitMillis) throws IOException;
    }

    /** The natives that all objects have, so that their use can be tested without them. */
    interface Natives {

        int tick(long handle) throws IOException;

        void provide(long handle, String credentials);

        String drainLogs();

        void close(long handle);
    }

    private static final class LibraryNatives implements Natives {

        @Override
        public int tick(long handle) throws IOException {
            return nativeTick(handle);
        }

        @Override
        public void provide(long handle, String credentials) {
            nativeProvide(handle, credentials);
        }

        @Override
        public String drainLogs() {
            return NativeLibrary.drainLogs();
        }

        @Override
        public void close(long handle) {
            nativeClose(handle);
        }
    }

    private static native int nativeTick(long handle) throws IOException;

    private static native void nativeProvide(long handle, String credentials);

    private static native void nativeClose(long handle);
}
