package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

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

    @Override
    public String discover(String request) throws IOException, InterruptedException {
        try {
            String found = nativeDiscover(handle.get(), request, Waiting.SLICE_MILLIS);
            while (found == null) {
                Waiting.throwIfInterrupted();
                found = nativeDiscover(handle.get(), request, Waiting.SLICE_MILLIS);
            }
            return found;
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

    private static native long nativeOpen(String settings);

    private static native String nativeDiscover(long handle, String request, int maxWaitMillis)
            throws IOException;

    private static native void nativeClose(long handle);
}
