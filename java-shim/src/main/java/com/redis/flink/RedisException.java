package com.redis.flink;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * Redis could not be reached, refused a command, or answered what nobody can read. The message says
 * what was tried, where, and what to do; it never holds a password. Thrown by the native engine.
 */
@Internal
public final class RedisException extends IOException {

    private static final long serialVersionUID = 1L;

    private final String code;

    public RedisException(String code, String message) {
        super(message);
        this.code = code;
    }

    /**
     * The kind of failure: {@code UNKNOWN_HOST}, {@code CONNECTION}, {@code TIMEOUT}, {@code
     * CERTIFICATE} (the server's or the client's, or its key), {@code TLS} (one side encrypts and
     * the other does not, or they have no version in common), {@code AUTHENTICATION}, {@code
     * PERMISSION}, {@code WRONG_TYPE}, {@code REPLACED} (another job has taken the consumer group
     * over), {@code STAGING_LOST} (what an exactly-once sink has to commit is gone), {@code
     * REDIRECT} (the nodes of a cluster send clients to each other), {@code PROTOCOL} or {@code
     * SERVER}.
     */
    public String getCode() {
        return code;
    }
}
