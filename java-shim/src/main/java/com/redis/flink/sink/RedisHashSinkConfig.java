package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What a {@link RedisHashSink} is told: the time to live, besides what all sinks are told.
 *
 * <p>{@code flushOnCheckpoint(true)} keeps records back until the checkpoint and then writes the
 * latest fields of each key; {@code numMessagesToBuffer} and {@code flushIntervalMillis} have no
 * effect then. When more than {@code maxInFlightBytes} are kept they are written early.
 *
 * <pre>{@code
 * RedisHashSinkConfig.builder().host("redis").ttlSeconds(3600).build();
 * }</pre>
 */
@PublicEvolving
public final class RedisHashSinkConfig extends KeyedSinkConfig {

    private static final long serialVersionUID = 1L;

    private RedisHashSinkConfig(Builder builder) {
        super(builder, "flink-sink-hash");
    }

    public static Builder builder() {
        return new Builder();
    }

    @Override
    void addOwnSettings(ObjectNode settings) {
        addKeyedSettings(settings, "HASH", "hash");
    }

    @Override
    public String toString() {
        return "RedisHashSinkConfig{ttlSeconds="
                + getTtlSeconds()
                + ", connection="
                + getConnection()
                + "}";
    }

    /** Takes the options in any order; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder extends KeyedSinkConfig.Builder<Builder> {

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public RedisHashSinkConfig build() {
            return new RedisHashSinkConfig(this);
        }
    }
}
