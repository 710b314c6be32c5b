package com.redis.flink.source.partitioned;

import com.redis.flink.config.OptionChecks;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Builds a {@link RedisSource}.
 *
 * @param <T> the records that the deserializer makes
 */
@PublicEvolving
public final class RedisSourceBuilder<T> {

    private final RedisSourceConfig config;
    private final RedisDeserializer<T> deserializer;

    /**
     * Creates a builder of a source that reads what the config says and makes records with the
     * deserializer.
     */
    public RedisSourceBuilder(RedisSourceConfig config, RedisDeserializer<T> deserializer) {
        this.config = config;
        this.deserializer = deserializer;
    }

    /**
     * Returns the source.
     *
     * @throws IllegalArgumentException the config or the deserializer is null
     */
    public RedisSource<T> build() {
        return new RedisSource<>(
                OptionChecks.required("config", config),
                OptionChecks.required("deserializer", deserializer));
    }
}
