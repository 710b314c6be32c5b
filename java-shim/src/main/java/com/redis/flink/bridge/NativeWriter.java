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
public final class NativeWriter extends NativeObject implements StagingEngine {

    private NativeWriter(long handle, Optional<CredentialsSupplier> supplier) {
        super("native writer", handle, supplier);
    }

    /**
     * Opens a writer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @param supplier what must be asked for at every connect; there is one if the settings say
     *     that connects ask
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeWriter open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        return new NativeWriter(nativeOpen(settings), supplier);
    }

    @Override
    public void write(byte[] batch, int length) throws IOException, InterruptedException {
        await((handle, maxWaitMillis) -> nativeWrite(handle, batch, length, maxWaitMillis));
    }

    @Override
    public void flush() throws IOException, InterruptedException {
        await((handle, maxWaitMillis) -> nativeFlush(handle, maxWaitMillis));
    }

    @Override
    public String prepare() throws IOException {
        return orClosed(nativePrepare(handle()));
    }

    /** Returns what the writer counts, as JSON; for metrics and tests. */
    public String stats() {
        return orClosed(nativeStats(handle()));
    }

    private static native long nativeOpen(String settings);

    private static native boolean nativeWrite(
            long handle, byte[] batch, int length, int maxWaitMillis) throws IOException;

    private static native boolean nativeFlush(long handle, int maxWaitMillis) throws IOException;

    private static native String nativePrepare(long handle) throws IOException;

    private static native String nativeStats(long handle);
}
