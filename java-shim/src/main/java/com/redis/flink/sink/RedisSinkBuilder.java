package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Builds a {@link RedisSink}.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisSinkBuilder<T> {

    private final RedisSerializer<T> serializer;
    private final RedisSinkConfig config;
    private RedisKeyExtractor<T> keyExtractor;

    /**
     * @param serializer makes the message for a record; required
     * @param config server, topic and buffering; required
     */
    public RedisSinkBuilder(RedisSerializer<T> serializer, RedisSinkConfig config) {
        this.serializer = serializer;
        this.config = config;
    }

    /**
     * Sets the function that finds the key of a record; default {@code null}: the key is the one of
     * the serializer's message.
     */
    public RedisSinkBuilder<T> keyExtractor(RedisKeyExtractor<T> keyExtractor) {
        this.keyExtractor = keyExtractor;
        return this;
    }

    /**
     * Makes the sink.
     *
     * @throws IllegalArgumentException serializer or config is null
     */
    public RedisSink<T> build() {
        OptionChecks.required("serializer", serializer);
        OptionChecks.required("config", config);
        return config.isFlushOnCheckpoint()
                ? new ExactlyOnceRedisSink<>(serializer, config, keyExtractor)
                : new RedisSink<>(serializer, config, keyExtractor);
    }
}
