package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

/** Which writes a sink traces. */
@PublicEvolving
public enum SinkTraceLevel {
    /** None. */
    NONE,
    /** Those that failed. */
    FAILURES,
    /** All of them. */
    ALL
}
