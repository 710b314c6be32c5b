package com.redis.flink.config;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.type.TypeFactory;

import org.apache.flink.annotation.Internal;

/**
 * Makes plain mappers, each with a cache of types of its own. The one that Jackson's mappers share
 * is static: where Jackson is in Flink's {@code lib/}, it holds on to the classes of jobs that have
 * ended.
 */
@Internal
public final class PlainMapper implements ObjectMapperSupplier {

    private static final long serialVersionUID = 1L;

    @Override
    public ObjectMapper get() {
        // To take no modifier makes a factory with a cache of its own, in every version of Jackson.
        return new ObjectMapper().setTypeFactory(TypeFactory.defaultInstance().withModifier(null));
    }
}
