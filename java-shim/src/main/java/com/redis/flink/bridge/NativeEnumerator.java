package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Optional;

/**
 * One native enumerator, on the job manager: makes consumer groups, reads positions, says who reads
 * what.
 */
@Internal
public final class NativeEnumerator implements EnumeratorBackend {

    private final NativeHandle handle;
    private final NativeCredentials credentials;

    private NativeEnumerator(long handle, NativeCredentials credentials) {
        this.handle = new NativeHandle("native enumerator", handle);
        this.credentials = credentials;
    }

    /**
     * Opens an enumerator; connects to nothing yet.
     *
     * @param settings the source settings as JSON, see docs/architecture.md
     * @throws IllegalArgumentException the engine rejects the settings
     * @throws IOException the native library cannot be loaded
     */
    public static NativeEnumerator open(String settings) throws IOException {
        return open(settings, Optional.empty());
    }

    /** The same, with what must be asked for at every connect. */
    public static NativeEnumerator open(String settings, Optional<CredentialsSupplier> supplier)
            throws IOException {
        NativeLibrary.load();
        NativeCredentials credentials = NativeCredentials.open(supplier);
        return new NativeEnumerator(
                credentials.openOwner(settings, NativeEnumerator::nativeOpen), credentials);
    }

    @Override
    public String discover(String request) throws IOException, InterruptedException {
        try {
            credentials.serve();
            String found = nativeDiscover(handle.get(), request, Waiting.SLICE_MILLIS);
            while (found == null) {
                Waiting.throwIfInterrupted();
                credentials.serve();
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
                credentials.close();
                NativeLogs.drain();
            }
        }
    }

    private static native long nativeOpen(String settings);

    private static native String nativeDiscover(long handle, String request, int maxWaitMillis)
            throws IOException;

    private static native void nativeClose(long handle);
}
