package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Optional;

/**
 * One native committer: moves what an exactly-once sink has staged to the topic, and cleans up what
 * no checkpoint holds.
 */
@Internal
public final class NativeCommitter implements CommitterBackend {

    private final NativeHandle handle;
    private final NativeCredentials credentials;

    private NativeCommitter(long handle, NativeCredentials credentials) {
        this.handle = new NativeHandle("native committer", handle);
        this.credentials = credentials;
    }

    /**
     * Opens a committer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeCommitter open(String settings) throws IOException {
        return open(settings, Optional.empty());
    }

    /** The same, with what must be asked for at every connect. */
    public static NativeCommitter open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        NativeCredentials credentials = NativeCredentials.open(supplier);
        return new NativeCommitter(
                credentials.openOwner(settings, NativeCommitter::nativeOpen), credentials);
    }

    @Override
    public void commit(String committables) throws IOException, InterruptedException {
        try {
            credentials.serve();
            while (!nativeCommit(handle.get(), committables, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
                credentials.serve();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void recover(String lanes) throws IOException, InterruptedException {
        try {
            credentials.serve();
            while (!nativeRecover(handle.get(), lanes, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
                credentials.serve();
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
                credentials.close();
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
