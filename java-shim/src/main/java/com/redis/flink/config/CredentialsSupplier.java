package com.redis.flink.config;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/** What must be asked for at every connect: user and password, certificates and key. */
@Internal
@FunctionalInterface
public interface CredentialsSupplier {

    /**
     * Returns what to connect with now, as JSON, see docs/architecture.md.
     *
     * @throws IOException there is nothing to connect with; ends the call that has asked
     */
    String get() throws IOException;
}
