package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/**
 * One native enumerator, on the job manager: makes consumer groups, reads positions, says who reads
 * what.
 */
@Internal
public final class NativeEnumerator extends NativeObject implements EnumeratorEngine {

    private NativeEnumerator(long handle, Optional<CredentialsSupplier> supplier) {
        super("native enumerator", handle, supplier);
    }

    /**
     * Opens an enumerator; connects to nothing yet.
     *
     * @param settings the source settings as JSON, see docs/architecture.md
     * @param supplier what must be asked for at every connect; there is one if the settings say
     *     that connects ask
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeEnumerator open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        return new NativeEnumerator(nativeOpen(settings), supplier);
    }

    @Override
    public String discover(String request) throws IOException, InterruptedException {
        AtomicReference<String> found = new AtomicReference<>();
        await(
                (handle, maxWaitMillis) -> {
                    found.set(nativeDiscover(handle, request, maxWaitMillis));
                    return found.get() != null;
                });
        return found.get();
    }

    private static native long nativeOpen(String settings);

    private static native String nativeDiscover(long handle, String request, int maxWaitMillis)
            throws IOException;
}
