package com.redis.flink.source.partitioned.reader.deserializer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectReader;
import com.redis.flink.RedisMessage;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.OptionChecks;
import com.redis.flink.config.PlainMapper;
import com.redis.flink.text.ForeignText;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.Collector;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Makes an object of the JSON in the message's field {@code data}, with Jackson: the counterpart of
 * the sink's {@code RedisObjectSerializer}. A message without that field, or whose JSON does not
 * fit the class, is rejected; so is one with the JSON {@code null}, and one that is no UTF-8.
 *
 * @param <T> the class of the objects
 */
@PublicEvolving
public final class RedisObjectDeserializer<T> implements RedisDeserializer<T> {

    private static final long serialVersionUID = 1L;

    private static final String FIELD = "data";

    private final Class<T> type;
    private final ObjectMapperSupplier mapperSupplier;

    /** Made once in each reader, by open or else with the first message: mappers are costly. */
    private transient ObjectReader reader;

    /** Reads objects of that class with a plain mapper of Jackson. */
    public RedisObjectDeserializer(Class<T> type) {
        this(type, new PlainMapper());
    }

    /**
     * Reads objects of that class with the mapper that the supplier makes, called once in each
     * reader.
     */
    public RedisObjectDeserializer(Class<T> type, ObjectMapperSupplier mapperSupplier) {
        this.type = OptionChecks.required("type", type);
        this.mapperSupplier = OptionChecks.required("mapperSupplier", mapperSupplier);
    }

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        reader();
    }

    @Override
    public void deserialize(RedisMessage message, Collector<T> out) throws IOException {
        ByteBuffer json = message.valueOf(FIELD);
        if (json == null) {
            throw new IOException(
                    "the message has no field '"
                            + FIELD
                            + "' to read a "
                            + type.getName()
                            + " from; its fields are "
                            + ForeignText.shownAtLength(message.getData().keySet().toString()));
        }
        T object = read(json);
        if (object == null) {
            throw new IOException(
                    "the field '"
                            + FIELD
                            + "' is JSON null, or what the mapper reads as null: there is no "
                            + type.getName()
                            + " in it");
        }
        out.collect(object);
    }

    private T read(ByteBuffer json) throws IOException {
        try {
            return reader().readValue(json.array(), json.position(), json.remaining());
        } catch (JsonProcessingException e) {
            if (isBeyondLimit(e)) {
                throw new IOException(
                        e.getOriginalMessage()
                                + "; to read it, raise the limit (StreamReadConstraints, for"
                                + " example maxStringLength) in the mapper of an"
                                + " ObjectMapperSupplier",
                        e);
            }
            throw e;
        }
    }

    /** By name, as Jackson before 2.15 has no limits and not this class. */
    private static boolean isBeyondLimit(Throwable failure) {
        for (Throwable at = failure; at != null; at = at.getCause()) {
            if (at.getClass().getSimpleName().equals("StreamConstraintsException")) {
                return true;
            }
        }
        return false;
    }

    private ObjectReader reader() {
        if (reader == null) {
            reader =
                    OptionChecks.required("mapperSupplier.get()", mapperSupplier.get())
                            .readerFor(type);
        }
        return reader;
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return TypeInformation.of(type);
    }
}
