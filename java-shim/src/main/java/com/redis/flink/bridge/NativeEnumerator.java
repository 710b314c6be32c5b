package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * One native enumerator, on the job manager: makes consumer groups, reads positions, says who reads
 * what.
 */
@Internal
public final class NativeEnumerator implements EnumeratorBackend {

    private final NativeHandle handle;

    private NativeEnumerator(long handle) {
        this.handle = new NativeHandle("native enumerator", handle);
    }

    /**
     * Opens an enumerator; connects to nothing yet.
     *
     * @param settings the source settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeEnumerator open(String settings) throws IOException {
        NativeLibrary.load();
        return new NativeEnumerator(nativeOpen(settings));
    }

    /**
     * {@inheritDoc}
     *
     * <p>The native call may retry for a minute and knows no interrupts, but a job that is
     * cancelled interrupts the calling thread and waits for it without limit. So a thread of its
     * own makes the call, for as long as it takes; an interrupt closes the native enumerator, which
     * ends the call and with it that thread.
     */
    @Override
    public String discover(String request) throws IOException, InterruptedException {
        long current = handle.get();
        FutureTask<String> call = new FutureTask<>(() -> nativeDiscover(current, request));
        Thread caller = new Thread(call, "flink-redis-discover");
        caller.setDaemon(true);
        caller.start();
        try {
            return call.get();
        } catch (InterruptedException e) {
            close();
            throw e;
        } catch (ExecutionException e) {
            throw unwrap(e.getCause());
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void close() {
        long released = handle.release();
        if (released != 0) {
            try {
                nativeClose(released);
            } finally {
                NativeLogs.drain();
            }
        }
    }

    private static IOException unwrap(Throwable cause) {
        if (cause instanceof RuntimeException) {
            throw (RuntimeException) cause;
        }
        if (cause instanceof Error) {
            throw (Error) cause;
        }
        return cause instanceof IOException ? (IOException) cause : new IOException(cause);
    }

    private static native long nativeOpen(String settings);

    private static native String nativeDiscover(long handle, String request) throws IOException;

    private static native void nativeClose(long handle);
}
