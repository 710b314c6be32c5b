package com.redis.flink.source.partitioned.enumerator;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.source.SourceEvent;

/**
 * Tells a reader of an unbounded source that every split has been assigned. One that has none is
 * idle from then on, so that it holds back no watermark.
 */
@Internal
public final class AllSplitsAssigned implements SourceEvent {

    private static final long serialVersionUID = 1L;
}
