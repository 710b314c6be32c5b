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
public final class NativeCommitter extends NativeObject implements CommitterEngine {

    private NativeCommitter(long handle, Optional<CredentialsSupplier> supplier) {
        super("native committer", handle, supplier);
    }

    /**
     * Opens a committer; connects to nothing yet.
     *
     * @param settings the sink settings as JSON, see docs/architecture.md
     * @param supplier what must be asked for at every connect; there is one if the settings say
     *     that connects ask
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeCommitter open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        return new NativeCommitter(nativeOpen(settings), supplier);
    }

    @Override
    public void commit(String committables) throws IOException, InterruptedException {
        await((handle, maxWaitMillis) -> nativeCommit(handle, committables, maxWaitMillis));
    }

    @Override
    public void recover(String lanes) throws IOException, InterruptedException {
        await((handle, maxWaitMillis) -> nativeRecover(handle, lanes, maxWaitMillis));
    }

    private static native long nativeOpen(String settings);

    private static native boolean nativeCommit(long handle, String committables, int maxWaitMillis)
            throws IOException;

    private static native boolean nativeRecover(long handle, String lanes, int maxWaitMillis)
            throws IOException;
}
