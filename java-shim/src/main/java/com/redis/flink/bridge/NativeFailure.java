package com.redis.flink.bridge;

import com.redis.flink.RedisException;

/**
 * Throws what a native function has failed with, in the thread that has called it.
 *
 * <p>The native library knows this class by a reference and no other, and looks none up by name: a
 * call may outlive its job, and then Flink has closed the class loaders through which it would
 * look.
 */
final class NativeFailure {

    /** The codes that are no {@link RedisException#getCode}. */
    private static final String ARGUMENT = "argument";

    private static final String CLOSED = "closed";
    private static final String PANIC = "panic";

    static {
        // Loads their classes while they can be loaded.
        of(ARGUMENT, "");
        of(CLOSED, "");
        of(PANIC, "");
        of("", "");
    }

    private NativeFailure() {}

    /** Makes this class known to the library, which has just been loaded. */
    static void register() {
        nativeRegister();
    }

    /** Called by the native library. */
    private static void raise(String code, String message) throws Exception {
        throw of(code, message);
    }

    /**
     * Returns the exception of a failure: a {@link RedisException} for a code that is not above.
     */
    static Exception of(String code, String message) {
        switch (code) {
            case ARGUMENT:
                return new IllegalArgumentException(message);
            case CLOSED:
                return new IllegalStateException(message);
            case PANIC:
                return new NativePanicException(message);
            default:
                return new RedisException(code, message);
        }
    }

    private static native void nativeRegister();
}
