package com.redis.flink.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** The servers that tests run against. {@code ./dev test} gets those that Debian does not have. */
public enum Binary {
    /** Debian's, of 7.0: the one that knows TLS. */
    REDIS_7("redis-server", null),
    REDIS_8(null, "redis.server.redis8"),
    VALKEY_9(null, "redis.server.valkey9");

    private final String command;
    private final String property;

    Binary(String command, String property) {
        this.command = command;
        this.property = property;
    }

    /** What starts it. */
    String command() {
        if (command != null) {
            return command;
        }
        Path file = Path.of(System.getProperty(property, ""));
        if (!Files.isExecutable(file)) {
            throw new AssertionError(
                    "There is no " + this + " at '" + file + "': `./dev test` gets it there");
        }
        return file.toAbsolutePath().toString();
    }
}
