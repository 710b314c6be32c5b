package com.redis.flink.sink;

import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.PlainMapper;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Writes a record as JSON, with Jackson.
 *
 * @param <T> the record's type, anything that Jackson can write
 */
@PublicEvolving
public final class RedisJsonObjectSerializer<T> implements RedisJsonSerializer<T> {

    private static final long serialVersionUID = 1L;

    private final JacksonWriter jackson;

    /** Writes with a plain mapper of Jackson. */
    public RedisJsonObjectSerializer() {
        this(new PlainMapper());
    }

    /** Writes with the mapper that the supplier makes, once in every task. */
    public RedisJsonObjectSerializer(ObjectMapperSupplier mapperSupplier) {
        jackson = new JacksonWriter(mapperSupplier);
    }

    /**
     * Returns the record as JSON.
     *
     * @throws IllegalArgumentException Jackson cannot write the record
     */
    @Override
    public String serialize(T value) {
        return jackson.write(value);
    }
}
