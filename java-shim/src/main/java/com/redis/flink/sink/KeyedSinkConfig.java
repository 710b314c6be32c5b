package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/** Holds what the JSON and the hash sink are told besides what all sinks are told. */
@PublicEvolving
public abstract class KeyedSinkConfig extends AbstractRedisSinkConfig {

    private static final long serialVersionUID = 1L;

    private final long ttlSeconds;

    KeyedSinkConfig(Builder<?> builder, String defaultClientName) {
        super(builder, defaultClientName);
        ttlSeconds = TimeToLive.checked(builder.ttlSeconds);
    }

    /** Returns after how many seconds a key that nobody writes is gone; 0: never. */
    public long getTtlSeconds() {
        return ttlSeconds;
    }

    /** Adds the settings of a sink that has keys and no topic: the label stands in its place. */
    final ObjectNode addKeyedSettings(ObjectNode settings, String kind, String label) {
        return settings.put("kind", kind)
                .put("topic", label)
                .put("numPartitions", 1)
                .put("ttlSeconds", ttlSeconds);
    }

    /**
     * Takes the options in any order; {@code build()} of the sink's own builder validates them.
     *
     * @param <B> that builder
     */
    @PublicEvolving
    public abstract static class Builder<B extends Builder<B>>
            extends AbstractRedisSinkConfig.Builder<B> {

        private long ttlSeconds;

        Builder() {}

        /**
         * Sets how many seconds after its last write a key expires, 0 (never) or more; default 0.
         * It is set when Redis has taken the write, and confirmed like it.
         */
        public B ttlSeconds(long ttlSeconds) {
            this.ttlSeconds = ttlSeconds;
            return self();
        }
    }
}
