package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * One native writer: the connection and everything in flight of one sink subtask, or of a reader's
 * dead letters.
 */
@Internal
public final class NativeWriter implements StagingBackend {

    private final NativeHandle handle;

    private NativeWriter(long handle) {
        this.handle = new NativeHandle("native writer", handle);
    }

    /**
     * Opens a writer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeWriter open(String settings) throws IOException {
        NativeLibrary.load();
        return new NativeWriter(nativeOpen(settings));
    }

    @Override
    public void write(byte[] frame, int length) throws IOException, InterruptedException {
        try {
            while (!nativeWrite(handle.get(), frame, length, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void flush() throws IOException, InterruptedException {
        try {
            while (!nativeFlush(handle.get(), Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public String prepare() throws IOException {
        try {
            return nativePrepare(handle.get());
        } finally {
            NativeLogs.drain();
        }
    }

    /** What the writer counts, as JSON; for metrics and tests. */
    public String stats() {
        return nativeStats(handle.get());
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

    private static native boolean nativeWrite(
            long handle, byte[] frame, int length, int maxWaitMillis) throws IOException;

    private static native boolean nativeFlush(long handle, int maxWaitMillis) throws IOException;

    private static native String nativePrepare(long handle) throws IOException;

    private static native String nativeStats(long handle);

    private static native void nativeClose(long handle);
}
