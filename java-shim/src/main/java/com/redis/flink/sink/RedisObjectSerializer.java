package com.redis.flink.sink;

import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.PlainMapper;

import org.apache.flink.annotation.PublicEvolving;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a record as JSON in the field {@code data}. Without a key extractor the key is a hash of
 * that JSON, so that equal records share a partition.
 *
 * @param <T> the record's type, anything that Jackson can write
 */
@PublicEvolving
public final class RedisObjectSerializer<T> implements RedisSerializer<T> {

    private static final long serialVersionUID = 1L;

    /** The field of the message that holds the JSON. */
    private static final String DATA_FIELD = "data";

    private final JacksonWriter jackson;

    /** Writes with a plain mapper of Jackson. */
    public RedisObjectSerializer() {
        this(new PlainMapper());
    }

    /** Writes with the mapper that the supplier makes, once in every task. */
    public RedisObjectSerializer(ObjectMapperSupplier mapperSupplier) {
        jackson = new JacksonWriter(mapperSupplier);
    }

    /**
     * Returns the record as JSON, under the hash of it.
     *
     * @throws IllegalArgumentException Jackson cannot write the record
     */
    @Override
    public RedisMessage Serialize(T value) {
        String json = jackson.write(value);
        return message(Integer.toString(json.hashCode()), json);
    }

    /**
     * Returns the record as JSON, under the given key.
     *
     * @throws IllegalArgumentException Jackson cannot write the record
     */
    @Override
    public RedisMessage Serialize(T value, String key) {
        return message(key, jackson.write(value));
    }

    private static RedisMessage message(String key, String json) {
        Map<String, String> data = new LinkedHashMap<>(2);
        data.put(DATA_FIELD, json);
        return RedisMessage.of(key, data);
    }
}
