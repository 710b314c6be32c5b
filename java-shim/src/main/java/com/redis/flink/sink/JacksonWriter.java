package com.redis.flink.sink;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.config.ObjectMapperSupplier;
import com.redis.flink.config.OptionChecks;

import java.io.Serializable;

/** Writes records as JSON with a mapper of the job's. */
final class JacksonWriter implements Serializable {

    private static final long serialVersionUID = 1L;

    private final ObjectMapperSupplier mapperSupplier;

    /** Made by the task that serializes; a mapper does not travel well. */
    private transient ObjectMapper mapper;

    JacksonWriter(ObjectMapperSupplier mapperSupplier) {
        this.mapperSupplier = OptionChecks.required("mapperSupplier", mapperSupplier);
    }

    /**
     * Returns a record as JSON.
     *
     * @throws IllegalArgumentException Jackson cannot write it, or it is null: written as {@code
     *     null} it would be poison to those who read objects
     */
    String write(Object value) {
        if (value == null) {
            throw new IllegalArgumentException(
                    "the record is null; to write nothing, filter it out before the sink");
        }
        try {
            return mapper().writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "Jackson cannot write a "
                            + value.getClass().getName()
                            + " as JSON: "
                            + e.getOriginalMessage(),
                    e);
        }
    }

    private ObjectMapper mapper() {
        if (mapper == null) {
            mapper = OptionChecks.required("mapperSupplier.get()", mapperSupplier.get());
        }
        return mapper;
    }
}
