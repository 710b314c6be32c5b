package com.redis.flink.source.partitioned.reader;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.util.Collector;

/** Makes a record of each word between bars, and fails at the word "bad". */
final class WordDeserializer implements RedisDeserializer<String> {

    private static final long serialVersionUID = 1L;

    @Override
    public void deserialize(RedisMessage message, Collector<String> out) {
        for (String word : message.getData().get("data").split("\\|")) {
            if (word.equals("bad")) {
                throw new IllegalStateException("not good");
            }
            out.collect(word);
        }
    }

    @Override
    public TypeInformation<String> getProducedType() {
        return TypeInformation.of(String.class);
    }
}
