package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Builds a {@link RedisHashSink}.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisHashSinkBuilder<T> {

    private final RedisHashSerializer<T> serializer;
    private final RedisHashSinkConfig config;
    private RedisKeyExtractor<T> keyExtractor;

    /**
     * @param serializer makes the fields for a record; required
     * @param config server and buffering; required
     */
    public RedisHashSinkBuilder(RedisHashSerializer<T> serializer, RedisHashSinkConfig config) {
        this.serializer = serializer;
        this.config = config;
    }

    /** Sets the function that finds the key to which a record is written; required. */
    public RedisHashSinkBuilder<T> keyExtractor(RedisKeyExtractor<T> keyExtractor) {
        this.keyExtractor = keyExtractor;
        return this;
    }

    /**
     * Makes the sink.
     *
     * @throws IllegalArgumentException serializer, config or key extractor is null
     */
    public RedisHashSink<T> build() {
        return new RedisHashSink<>(
                OptionChecks.required("serializer", serializer), config, keyExtractor);
    }
}
