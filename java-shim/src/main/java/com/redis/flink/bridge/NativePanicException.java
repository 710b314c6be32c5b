package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

/**
 * The native engine met a state that its authors held impossible: a defect of this connector. The
 * message names the place. The JVM and other native objects live on. Thrown by the native engine.
 */
@Internal
public final class NativePanicException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public NativePanicException(String message) {
        super(message);
    }
}
