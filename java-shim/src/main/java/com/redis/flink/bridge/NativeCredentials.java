package com.redis.flink.bridge;

import com.redis.flink.config.CredentialsSupplier;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.core.JsonProcessingException;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.ToLongFunction;

/**
 * One credentials desk: where the engine's connects wait for what Java gives them. The engine never
 * calls Java, so the native object that owns the desk calls {@link #serve} whenever it calls or
 * waits anyway; a connect waits for that.
 *
 * <p>Any thread may serve, but one at a time: what is given must have been asked for after the
 * connects that wait began to wait.
 */
final class NativeCredentials {

    /** Of an object whose settings say all there is. */
    private static final NativeCredentials NONE = new NativeCredentials(null, null, null);

    private static final Logger LOG = LoggerFactory.getLogger(NativeCredentials.class);
    private static final ObjectMapper JSON = new ObjectMapper();

    /** For a supplier that does not heed interrupts. */
    private static final int JOIN_MILLIS = 1000;

    private final Desks desks;
    private final NativeHandle handle;
    private final CredentialsSupplier supplier;
    private final ReentrantLock serving = new ReentrantLock();

    private NativeCredentials(Desks desks, NativeHandle handle, CredentialsSupplier supplier) {
        this.desks = desks;
        this.handle = handle;
        this.supplier = supplier;
    }

    /** Opens a desk; one that does nothing if there is no supplier. */
    static NativeCredentials open(Optional<CredentialsSupplier> supplier) {
        return open(supplier, new NativeDesks());
    }

    static NativeCredentials open(Optional<CredentialsSupplier> supplier, Desks desks) {
        return supplier.map(
                        given ->
                                new NativeCredentials(
                                        desks,
                                        new NativeHandle("credentials desk", desks.open()),
                                        given))
                .orElse(NONE);
    }

    /**
     * Opens the owner of this desk with settings that name it; closes the desk if that fails.
     *
     * @param nativeOpen gives the owner's handle
     */
    long openOwner(String settings, ToLongFunction<String> nativeOpen) {
        if (this == NONE) {
            return nativeOpen.applyAsLong(settings);
        }
        boolean opened = false;
        try {
            long owner = nativeOpen.applyAsLong(withDesk(settings));
            opened = true;
            return owner;
        } finally {
            if (!opened) {
                close();
            }
        }
    }

    private String withDesk(String settings) {
        try {
            JsonNode json = JSON.readTree(settings);
            ((ObjectNode) json.path("connection")).put("credentials", handle.get());
            return json.toString();
        } catch (JsonProcessingException | ClassCastException e) {
            // No cause: it would quote the settings, with their secrets.
            throw new IllegalArgumentException("the settings are no JSON with a connection");
        }
    }

    /**
     * Gives the connects that wait what they wait for.
     *
     * @throws IOException the supplier has failed
     */
    void serve() throws IOException {
        // Whom another thread does not serve now waits for the next time.
        if (this == NONE || !serving.tryLock()) {
            return;
        }
        try {
            if (desks.wanted(handle.get())) {
                desks.give(handle.get(), supplier.get());
            }
        } finally {
            serving.unlock();
        }
    }

    /**
     * Makes a native call that waits without coming back in between, and serves meanwhile from a
     * thread of its own: a reader that is closed waits for its last acknowledgments, and these may
     * have to connect.
     */
    void serveDuring(Runnable call) {
        if (this == NONE) {
            call.run();
            return;
        }
        Thread server = new Thread(this::serveUntilInterrupted, "redis-credentials");
        server.setDaemon(true);
        server.start();
        try {
            call.run();
        } finally {
            server.interrupt();
            try {
                server.join(JOIN_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private void serveUntilInterrupted() {
        try {
            while (!Thread.interrupted()) {
                serve();
                Thread.sleep(Waiting.SLICE_MILLIS);
            }
        } catch (InterruptedException e) {
            // The call is over.
        } catch (IOException | RuntimeException e) {
            LOG.warn("What is closed cannot connect any more: {}", e.getMessage());
        }
    }

    /** To be called when the owner is closed: ends what still waits. */
    void close() {
        long released = this == NONE ? 0 : handle.release();
        if (released != 0) {
            desks.close(released);
        }
    }

    /** The natives, so that their use can be tested without them. */
    interface Desks {

        long open();

        boolean wanted(long handle);

        void give(long handle, String json);

        void close(long handle);
    }

    private static final class NativeDesks implements Desks {

        @Override
        public long open() {
            return nativeOpen();
        }

        @Override
        public boolean wanted(long handle) {
            return nativeWanted(handle);
        }

        @Override
        public void give(long handle, String json) {
            nativeGive(handle, json);
        }

        @Override
        public void close(long handle) {
            nativeClose(handle);
        }
    }

    private static native long nativeOpen();

    private static native boolean nativeWanted(long handle);

    private static native void nativeGive(long handle, String json);

    private static native void nativeClose(long handle);
}
