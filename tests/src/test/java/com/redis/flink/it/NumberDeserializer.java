package com.redis.flink.it;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.util.Collector;

/** The number of a message. */
public final class NumberDeserializer implements RedisDeserializer<Long> {

    private static final long serialVersionUID = 1L;

    @Override
    public void deserialize(RedisMessage message, Collector<Long> out) {
        out.collect(Long.valueOf(message.getData().get(Topic.NUMBER)));
    }

    @Override
    public TypeInformation<Long> getProducedType() {
        return Types.LONG;
    }
}
