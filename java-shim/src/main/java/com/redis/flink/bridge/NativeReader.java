package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Optional;

/** One native source reader: every connection, buffer and acknowledgment of one reader subtask. */
@Internal
public final class NativeReader implements ReaderBackend {

    private final NativeHandle handle;
    private final NativeCredentials credentials;

    private NativeReader(long handle, NativeCredentials credentials) {
        this.handle = new NativeHandle("native reader", handle);
        this.credentials = credentials;
    }

    /**
     * Opens a reader; connects to nothing yet.
     *
     * @param settings the source settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeReader open(String settings) throws IOException {
        return open(settings, Optional.empty());
    }

    /** The same, with what must be asked for at every connect. */
    public static NativeReader open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        NativeCredentials credentials = NativeCredentials.open(supplier);
        return new NativeReader(
                credentials.openOwner(settings, NativeReader::nativeOpen), credentials);
    }

    @Override
    public void addSplits(String splits) throws IOException {
        try {
            nativeAddSplits(handle.get(), splits);
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public byte[] poll(int maxWaitMillis) throws IOException {
        try {
            credentials.serve();
            return handle.orClosed(nativePoll(handle.get(), maxWaitMillis));
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void wakeUp() {
        nativeWakeUp(handle.get());
    }

    @Override
    public void pauseOrResume(int[] pause, int[] resume) {
        nativePauseOrResume(handle.get(), pause, resume);
    }

    @Override
    public void emitted(int partition, long milliseconds, long sequence) {
        nativeEmitted(handle.get(), partition, milliseconds, sequence);
    }

    @Override
    public void checkpoint(long checkpointId, String positions) {
        nativeCheckpoint(handle.get(), checkpointId, positions);
    }

    /**
     * {@inheritDoc} Does not serve credentials: this is Flink's mailbox thread, and the user's
     * provider may take its time. A connect that waits for them is served by the next poll, or by
     * {@link #close}.
     */
    @Override
    public void complete(long checkpointId) {
        try {
            nativeComplete(handle.get(), checkpointId);
        } finally {
            NativeLogs.drain();
        }
    }

    @Override
    public void abort(long checkpointId) {
        nativeAbort(handle.get(), checkpointId);
    }

    @Override
    public String stats() {
        return handle.orClosed(nativeStats(handle.get()));
    }

    @Override
    public void close() {
        long released = handle.release();
        if (released != 0) {
            try {
                credentials.serveDuring(() -> nativeClose(released));
            } finally {
                credentials.close();
                NativeLogs.drain();
            }
        }
    }

    private static native long nativeOpen(String settings);

    private static native void nativeAddSplits(long handle, String splits) throws IOException;

    private static native byte[] nativePoll(long handle, int maxWaitMillis) throws IOException;

    private static native void nativeWakeUp(long handle);

    private static native void nativePauseOrResume(long handle, int[] pause, int[] resume);

    private static native void nativeEmitted(
            long handle, int partition, long milliseconds, long sequence);

    private static native void nativeCheckpoint(long handle, long checkpointId, String positions);

    private static native void nativeComplete(long handle, long checkpointId);

    private static native void nativeAbort(long handle, long checkpointId);

    private static native String nativeStats(long handle);

    private static native void nativeClose(long handle);
}
