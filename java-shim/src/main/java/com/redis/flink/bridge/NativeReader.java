package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.Optional;

/** One native source reader: every connection, buffer and acknowledgment of one reader subtask. */
@Internal
public final class NativeReader extends NativeObject implements ReaderEngine {

    private static final Logger LOG = LoggerFactory.getLogger(NativeReader.class);

    /** The fetcher is in {@link #poll}. */
    private volatile boolean polling;

    /** Null until it is needed. Task thread only. */
    private Thread aside;

    private NativeReader(long handle, Optional<CredentialsSupplier> supplier) {
        super("native reader", handle, supplier);
    }

    /**
     * Opens a reader; connects to nothing yet.
     *
     * @param settings the source settings as JSON, see docs/architecture.md
     * @param supplier what must be asked for at every connect; there is one if the settings say
     *     that connects ask
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeReader open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        return new NativeReader(nativeOpen(settings), supplier);
    }

    @Override
    public void addSplits(String splits) throws IOException {
        nativeAddSplits(handle(), splits);
    }

    @Override
    public EntryBatch poll(int maxWaitMillis) throws IOException {
        polling = true;
        try {
            tick();
            byte[][] strings = new byte[EntryBatch.MOST_APART][];
            byte[] batch = orClosed(nativePoll(handle(), maxWaitMillis, strings));
            return batch == null ? null : new EntryBatch(batch, strings);
        } finally {
            polling = false;
        }
    }

    @Override
    public void wakeUp() {
        nativeWakeUp(handle());
    }

    @Override
    public void pauseOrResume(int[] pause, int[] resume) {
        nativePauseOrResume(handle(), pause, resume);
    }

    @Override
    public void emitted(int partition, long milliseconds, long sequence) {
        nativeEmitted(handle(), partition, milliseconds, sequence);
    }

    @Override
    public void checkpoint(long checkpointId, String positions) {
        nativeCheckpoint(handle(), checkpointId, positions);
    }

    /**
     * {@inheritDoc} Does not provide credentials: this is Flink's mailbox thread, and the user's
     * provider may take its time. The next poll does. But the fetcher may be held up by
     * backpressure, or have ended with its last split, while acknowledgments need a connect; then a
     * thread of its own does it once, by the next checkpoint at the latest.
     */
    @Override
    public void complete(long checkpointId) throws IOException {
        nativeComplete(handle(), checkpointId);
        if (!polling && isCredentialsRequested()) {
            tickAside();
        }
    }

    private void tickAside() {
        if (aside == null || !aside.isAlive()) {
            aside = new Thread(this::tickOnce, "redis-credentials");
            aside.setDaemon(true);
            aside.start();
        }
    }

    private void tickOnce() {
        try {
            tick();
        } catch (IOException | RuntimeException e) {
            // The next poll fails with it, if it lasts.
            LOG.warn("Acknowledgments cannot connect: {}", e.getMessage());
        }
    }

    @Override
    void beforeClose(long handle) {
        if (aside != null) {
            end(aside);
        }
        if (hasSupplier()) {
            // Its last acknowledgments may have to connect.
            tickDuring(handle, () -> nativeFinish(handle));
        }
    }

    @Override
    public void abort(long checkpointId) {
        nativeAbort(handle(), checkpointId);
    }

    @Override
    public String stats() {
        return orClosed(nativeStats(handle()));
    }

    private static native long nativeOpen(String settings);

    private static native void nativeAddSplits(long handle, String splits) throws IOException;

    private static native byte[] nativePoll(long handle, int maxWaitMillis, byte[][] strings)
            throws IOException;

    private static native void nativeWakeUp(long handle);

    private static native void nativePauseOrResume(long handle, int[] pause, int[] resume);

    private static native void nativeEmitted(
            long handle, int partition, long milliseconds, long sequence);

    private static native void nativeCheckpoint(long handle, long checkpointId, String positions);

    private static native void nativeComplete(long handle, long checkpointId);

    private static native void nativeAbort(long handle, long checkpointId);

    private static native String nativeStats(long handle);

    private static native void nativeFinish(long handle);
}
