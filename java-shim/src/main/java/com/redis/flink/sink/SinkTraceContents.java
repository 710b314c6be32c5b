package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

/** What a sink's trace of a write tells. */
@PublicEvolving
public enum SinkTraceContents {
    /** That it happened, and whether it worked. */
    NONE,
    /** Also where to: stream, key and command. */
    METADATA,
    /** Also what was written. */
    ALL
}
