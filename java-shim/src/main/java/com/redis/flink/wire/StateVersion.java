package com.redis.flink.wire;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/** The versions of what serializers write to checkpoints. They count from 1. */
@Internal
public final class StateVersion {

    private StateVersion() {}

    /**
     * Requires a version that this connector reads.
     *
     * @param state whose state it is, for the message
     * @param version with which it was written
     * @param newest the version that this connector writes; it reads that one and all before
     * @throws IOException it was written by a newer connector
     */
    public static void require(String state, int version, int newest) throws IOException {
        if (version < 1 || version > newest) {
            throw new IOException(
                    "The state of "
                            + state
                            + " has version "
                            + version
                            + "; this connector reads "
                            + (newest == 1 ? "version " : "versions up to ")
                            + newest
                            + ". Restore it with the connector that wrote it, or a newer one.");
        }
    }
}
