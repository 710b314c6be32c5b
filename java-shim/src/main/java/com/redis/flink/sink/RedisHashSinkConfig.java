package com.redis.flink.sink;

import org.apache.flink.annotation.PublicEvolving;

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
public final class RedisHashSinkConfig extends AbstractRedisSinkConfig {

    private static final long serialVersionUID = 1L;
    private final long ttlSeconds;

    private RedisHashSinkConfig(Builder builder) {
        super(builder, "flink-sink-hash");
        ttlSeconds = TimeToLive.checked(builder.ttlSeconds);
    }

    public static Builder builder() {
        return new Builder();
    }

    /** After how many seconds a key that nobody writes is gone; 0: never. */
    public long getTtlSeconds() {
        return ttlSeconds;
    }

    @Override
    public String toString() {
        return "RedisHashSinkConfig{ttlSeconds="
                + ttlSeconds
                + ", connection="
                + getConnection()
                + "}";
    }

    /** Takes the options in any order; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder extends AbstractRedisSinkConfig.Builder<Builder> {

        private long ttlSeconds;

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * How many seconds after its last write a key expires, 0 (never) or more; default 0. Set
         * when Redis has taken the write, and confirmed like it.
         */
        public Builder ttlSeconds(long ttlSeconds) {
            this.ttlSeconds = ttlSeconds;
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
