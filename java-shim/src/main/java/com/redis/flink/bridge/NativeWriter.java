package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Optional;

/**
 * One native writer: the connection and everything in flight of one sink subtask, or of a reader's
 * dead letters.
 */
@Internal
public final class NativeWriter implements StagingBackend {

    private final NativeHandle handle;
    private final NativeCredentials credentials;

    private NativeWriter(long handle, NativeCredentials credentials) {
        this.handle = new NativeHandle("native writer", handle);
        this.credentials = credentials;
    }

    /**
     * Opens a writer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeWriter open(String settings) throws IOException {
        return open(settings, Optional.empty());
    }

    /** The same, with what must be asked for at every connect. */
    public static NativeWriter open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        NativeCredentials credentials = NativeCredentials.open(supplier);
        return new NativeWriter(
                credentials.openOwner(settings, NativeWriter::nativeOpen), credentials);
    }

    @Override
    public void write(byte[] frame, int length) throws IOException, InterruptedException {
        try {
            credentials.serve();
            while (!nativeWrite(handle.get(), frame, length, Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
                credentials.serve();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void flush() throws IOException, InterruptedException {
        try {
            credentials.serve();
            while (!nativeFlush(handle.get(), Waiting.SLICE_MILLIS)) {
                Waiting.throwIfInterrupted();
                credentials.serve();
            }
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public String prepare() throws IOException {
        try {
            return handle.orClosed(nativePrepare(handle.get()));
        } finally {
            NativeLogs.drain();
        }
    }

    /** What the writer counts, as JSON; for metrics and tests. */
    public String stats() {
        return handle.orClosed(nativeStats(handle.get()));
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

    private static native boolean nativeWrite(
            long handle, byte[] frame, int length, int maxWaitMillis) throws IOException;

    private static native boolean nativeFlush(long handle, int maxWaitMillis) throws IOException;

    private static native String nativePrepare(long handle) throws IOException;

    private static native String nativeStats(long handle);

    private static native void nativeClose(long handle);
}
