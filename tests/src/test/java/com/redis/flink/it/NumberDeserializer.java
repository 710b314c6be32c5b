package com.redis.flink.it;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStreamSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/** Reads the number of each message, where a test counts messages. */
public final class NumberDeserializer implements RedisDeserializer<Long> {

    private static final long serialVersionUID = 1L;

    /** Adds a source to a job that emits the numbers, without watermarks. */
    public static DataStreamSource<Long> read(
            StreamExecutionEnvironment env, RedisSourceConfig config) {
        return env.fromSource(
                new RedisSourceBuilder<>(config, new NumberDeserializer()).build(),
                WatermarkStrategy.noWatermarks(),
                "numbers");
    }

    @Override
    public void deserialize(RedisMessage message, Collector<Long> out) {
        out.collect(Long.valueOf(message.getData().get(Topic.NUMBER)));
    }

    @Override
    public TypeInformation<Long> getProducedType() {
        return Types.LONG;
    }
}
