package com.redis.flink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;

import java.io.IOException;

/**
 * Tells that Redis could not be reached, refused a command, or answered what nobody can read. The
 * message says what was tried, where, and what to do; it never holds a password. Thrown by the
 * native engine, and wrapped by Flink: it is among the causes of what a job fails with.
 */
@PublicEvolving
public final class RedisException extends IOException {

    private static final long serialVersionUID = 1L;

    private final String code;

    /** Makes the exception of a failure of the engine. */
    @Internal
    public RedisException(String code, String message) {
        super(message);
        this.code = code;
    }

    /** Returns the name of the failure's {@link Kind}; one that it lacks is of a newer engine. */
    public String getCode() {
        return code;
    }

    /** Returns the kind of the failure; {@link Kind#OTHER} for a code that has none. */
    public Kind getKind() {
        for (Kind kind : Kind.values()) {
            if (kind.name().equals(code)) {
                return kind;
            }
        }
        return Kind.OTHER;
    }

    /** Tells failures apart. The names are those of {@link #getCode}; more may come. */
    @PublicEvolving
    public enum Kind {
        /** The server's name does not resolve. */
        UNKNOWN_HOST,
        /** There is no connection, or it was lost. */
        CONNECTION,
        /** The server did not answer in time. */
        TIMEOUT,
        /** The certificate of the server or of the client, or the client's key, was rejected. */
        CERTIFICATE,
        /** One side encrypts and the other does not, or they have no version in common. */
        TLS,
        /** The server rejected user and password. */
        AUTHENTICATION,
        /** The user may not run a command, or use a key. */
        PERMISSION,
        /** A key holds a value of another type. */
        WRONG_TYPE,
        /** Another job has taken the consumer group over. */
        REPLACED,
        /** What an exactly-once sink has to commit is gone. */
        STAGING_LOST,
        /** The nodes of a cluster send clients to each other. */
        REDIRECT,
        /** The server answered what is no reply of Redis. */
        PROTOCOL,
        /** The server answered with another error. */
        SERVER,
        /** The code is none of these. */
        OTHER
    }
}
