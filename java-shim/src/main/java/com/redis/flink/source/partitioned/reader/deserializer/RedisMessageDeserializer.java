package com.redis.flink.source.partitioned.reader.deserializer;

import com.redis.flink.RedisMessage;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.Collector;

/** Gives the messages as they are. */
@PublicEvolving
public final class RedisMessageDeserializer implements RedisDeserializer<RedisMessage> {

    private static final long serialVersionUID = 1L;

    @Override
    public void deserialize(RedisMessage message, Collector<RedisMessage> out) {
        out.collect(message);
    }

    @Override
    public TypeInformation<RedisMessage> getProducedType() {
        return TypeInformation.of(RedisMessage.class);
    }
}
