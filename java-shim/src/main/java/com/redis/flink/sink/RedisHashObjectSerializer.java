package com.redis.flink.sink;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.config.ObjectMapperSupplier;

import org.apache.flink.annotation.PublicEvolving;

import java.io.IOException;
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
        this(ObjectMapper::new);
    }

    /** Writes with the mapper that the supplier makes, once in every task. */
    public RedisHashObjectSerializer(ObjectMapperSupplier mapperSupplier) {
        jackson = new JacksonWriter(mapperSupplier);
    }

    /**
     * The record's properties.
     *
     * @throws IllegalArgumentException Jackson cannot write the record, or not as an object
     */
    @Override
    public Map<String, String> serialize(T value) {
        String json = jackson.write(value);
        try (JsonParser parser = jackson.parser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new IllegalArgumentException(
                        "Jackson writes a "
                                + (value == null ? "null" : value.getClass().getName())
                                + " as a JSON value without properties, of which no hash can be"
                                + " made: give the sink a bean, a record or a map, or a"
                                + " RedisHashSerializer of your own");
            }
            Map<String, String> fields = new LinkedHashMap<>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String name = parser.currentName();
                JsonToken token = parser.nextToken();
                if (token != JsonToken.VALUE_NULL) {
                    fields.put(name, text(json, parser, token));
                }
            }
            return fields;
        } catch (IOException e) {
            throw new IllegalArgumentException(
                    "what Jackson made of a " + value.getClass().getName() + " is no JSON", e);
        }
    }

    /** From the JSON itself where it can be: nothing is rounded on a way through numbers. */
    private static String text(String json, JsonParser parser, JsonToken token) throws IOException {
        if (!token.isStructStart()) {
            return parser.getText();
        }
        int from = (int) parser.currentTokenLocation().getCharOffset();
        parser.skipChildren();
        return json.substring(from, (int) parser.currentLocation().getCharOffset());
    }
}
