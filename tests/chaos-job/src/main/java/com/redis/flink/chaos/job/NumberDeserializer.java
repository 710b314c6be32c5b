package com.redis.flink.chaos.job;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.util.Collector;

/** The number of a message, beside its key; a message whose number is none is rejected. */
final class NumberDeserializer implements RedisDeserializer<Tuple2<String, Long>> {

    private static final long serialVersionUID = 1L;

    @Override
    public void deserialize(RedisMessage message, Collector<Tuple2<String, Long>> out) {
        out.collect(Tuple2.of(message.getKey(), Long.valueOf(message.getData().get("number"))));
    }

    @Override
    public TypeInformation<Tuple2<String, Long>> getProducedType() {
        return Types.TUPLE(Types.STRING, Types.LONG);
    }
}
