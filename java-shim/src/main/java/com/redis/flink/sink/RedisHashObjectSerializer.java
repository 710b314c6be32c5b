package com.redis.flink.sink;

import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.PlainMapper;
import com.redis.flink.text.JsonText;

import org.apache.flink.annotation.PublicEvolving;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes a record's properties as the fields of a hash, with Jackson: those that it finds by
 * getters, public fields, or a record's components. Strings are written as they are, numbers and
 * booleans as in JSON, objects and arrays as JSON. What is null is left out: a field that the hash
 * has already stays.
 *
 * @param <T> the record's type, anything that Jackson writes as a JSON object: a bean, a record, a
 *     map
 */
@PublicEvolving
public final class RedisHashObjectSerializer<T> implements RedisHashSerializer<T> {

    private static final long serialVersionUID = 1L;

    private final JacksonWriter jackson;

    /** Writes with a plain mapper of Jackson. */
    public RedisHashObjectSerializer() {
        this(new PlainMapper());
    }

    /** Writes with the mapper that the supplier makes, once in every task. */
    public RedisHashObjectSerializer(ObjectMapperSupplier mapperSupplier) {
        jackson = new JacksonWriter(mapperSupplier);
    }

    /**
     * Returns the record's properties.
     *
     * @throws IllegalArgumentException Jackson cannot write the record, or not as an object
     */
    @Override
    public Map<String, String> serialize(T value) {
        String json = jackson.write(value);
        JsonText text = new JsonText(json);
        if (!text.take('{')) {
            throw new IllegalArgumentException(
                    "Jackson writes a "
                            + value.getClass().getName()
                            + " as a JSON value without properties, of which no hash can be"
                            + " made: give the sink a bean, a record or a map, or a"
                            + " RedisHashSerializer of your own");
        }
        try {
            return fields(json, text);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "what Jackson made of a "
                            + value.getClass().getName()
                            + " is no JSON; correct the mapper, or what is written raw",
                    e);
        }
    }

    /** Values are cut out of the JSON itself: nothing is rounded on a way through numbers. */
    private static Map<String, String> fields(String json, JsonText text) {
        Map<String, String> fields = new LinkedHashMap<>();
        if (text.take('}')) {
            return fields;
        }
        do {
            String name = text.readString();
            text.require(':');
            if (text.comes('"')) {
                fields.put(name, text.readString());
                continue;
            }
            int from = text.position();
            int end = text.skipValue();
            if (!json.startsWith("null", from)) {
                fields.put(name, json.substring(from, end));
            }
        } while (text.take(','));
        text.require('}');
        return fields;
    }
}
