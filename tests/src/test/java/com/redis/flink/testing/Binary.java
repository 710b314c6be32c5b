package com.redis.flink.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** The servers that tests run against. {@code ./dev test} gets those that Debian does not have. */
public enum Binary {
    /** The one on the path, which knows TLS: Debian 12 has 7.0, Debian 13 has 8.0. */
    REDIS_7("redis-server", null, null),
    REDIS_8(null, "redis.server.redis8", "FLINK_REDIS_TEST_REDIS_8"),
    VALKEY_9(null, "redis.server.valkey9", "FLINK_REDIS_TEST_VALKEY");

    private final String command;
    private final String property;

    /** The variable of the environment that names another file. */
    private final String variable;

    Binary(String command, String property, String variable) {
        this.command = command;
        this.property = property;
        this.variable = variable;
    }

    /** What starts it. */
    String command() {
        if (command != null) {
            return command;
        }
        Path file = Path.of(System.getProperty(property, ""));
        if (!Files.isExecutable(file)) {
            throw new AssertionError(
                    "There is no "
                            + this
                            + " at '"
                            + file
                            + "': `./dev test` gets it there; or set "
                            + variable
                            + " to an executable file of your own");
        }
        return file.toAbsolutePath().toString();
    }
}
