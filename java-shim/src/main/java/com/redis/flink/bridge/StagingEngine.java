package com.redis.flink.bridge;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/** What an exactly-once sink needs of the native writer besides writing. */
@Internal
public interface StagingEngine extends WriterEngine {

    /**
     * Ends an epoch: what was written since the last call is what its checkpoint commits. To be
     * called when {@link #flush} has returned.
     *
     * @return what is staged in each partition, as JSON, see docs/architecture.md; maybe nothing
     */
    String prepare() throws IOException;
}
