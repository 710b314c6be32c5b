package com.redis.flink.source.partitioned.reader.deserializer;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.Options;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.Collector;

import java.io.IOException;

/**
 * Makes an object of the JSON in the message's field {@code data}, with Jackson: the counterpart of
 * the sink's {@code RedisObjectSerializer}. A message without that field, or whose JSON does not
 * fit the class, is rejected.
 *
 * @param <T> the class of the objects
 */
@PublicEvolving
public final class RedisObjectDeserializer<T> implements RedisDeserializer<T> {

    private static final long serialVersionUID = 1L;

    private static final String FIELD = "data";

    private final Class<T> type;
    private final ObjectMapperSupplier mapperSupplier;

    /** Made once in each reader: mappers are costly. */
    private transient ObjectReader reader;

    /** Reads objects of that class with a plain {@link ObjectMapper}. */
    public RedisObjectDeserializer(Class<T> type) {
        this(type, ObjectMapper::new);
    }

    /**
     * Reads objects of that class with the mapper that the supplier makes, called once in each
     * reader.
     */
    public RedisObjectDeserializer(Class<T> type, ObjectMapperSupplier mapperSupplier) {
        this.type = Options.required("type", type);
        this.mapperSupplier = Options.required("mapperSupplier", mapperSupplier);
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        reader = mapperSupplier.get().readerFor(type);
    }

    @Override
    public void deserialize(RedisMessage message, Collector<T> out) throws IOException {
        if (reader == null) {
            open(null);
        }
        String json = message.getData().get(FIELD);
        if (json == null) {
            throw new IOException(
                    "the message has no field '"
                            + FIELD
                            + "' to read a "
                            + type.getName()
                            + " from; its fields are "
                            + message.getData().keySet());
        }
        out.collect(reader.readValue(json));
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return TypeInformation.of(type);
    }
}
