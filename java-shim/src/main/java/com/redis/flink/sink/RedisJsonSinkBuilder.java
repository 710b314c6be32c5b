package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Builds a {@link RedisJsonSink}.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisJsonSinkBuilder<T> {

    private final RedisJsonSerializer<T> serializer;
    private final RedisJsonSinkConfig config;
    private RedisKeyExtractor<T> keyExtractor;

    /**
     * @param serializer makes the document for a record; required
     * @param config server and buffering; required
     */
    public RedisJsonSinkBuilder(RedisJsonSerializer<T> serializer, RedisJsonSinkConfig config) {
        this.serializer = serializer;
        this.config = config;
    }

    /** Sets the function that finds the key to which a record is written; required. */
    public RedisJsonSinkBuilder<T> keyExtractor(RedisKeyExtractor<T> keyExtractor) {
        this.keyExtractor = keyExtractor;
        return this;
    }

    /**
     * Makes the sink.
     *
     * @throws IllegalArgumentException serializer, config or key extractor is null
     */
    public RedisJsonSink<T> build() {
        return new RedisJsonSink<>(
                OptionChecks.required("serializer", serializer), config, keyExtractor);
    }
}
