package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

/** What a sink's trace of a write tells. */
@PublicEvolving
public enum SinkTraceContents {
    /** The command, and whether it was sent or failed. */
    NONE,
    /** Also where to and how much: stream, key and size; of a failure, the kind of error. */
    METADATA,
    /** Also what was written, and the whole error. */
    ALL
}
