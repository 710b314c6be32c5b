package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * One native committer: moves what an exactly-once sink has staged to the topic, and cleans up what
 * no checkpoint holds.
 */
@Internal
public final class NativeCommitter implements CommitterBackend {

    private final NativeHandle handle;

    private NativeCommitter(long handle) {
        this.handle = new NativeHandle("native committer", handle);
    }

    /**
     * Opens a committer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeCommitter open(String settings) throws IOException {
        NativeLibrary.load();
        return new NativeCommitter(nativeOpen(settings));
    }

    @Override
    public void commit(String committables) throws IOException, InterruptedException {
        try {
            while (!nativeCommit(handle.get(), committables, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void recover(String lanes) throws IOException, InterruptedException {
        try {
            while (!nativeRecover(handle.get(), lanes, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
            }
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

    private static native boolean nativeCommit(long handle, String committables, int maxWaitMillis)
            throws IOException;

    private static native boolean nativeRecover(long handle, String lanes, int maxWaitMillis)
            throws IOException;

    private static native void nativeClose(long handle);
}
