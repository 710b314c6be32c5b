package com.redis.flink.samples;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.basic.RedisStreamSourceBuilder;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.Map;

/**
 * Copies one stream, {@code test:0}, to another one, {@code output:0}, with the basic source: its
 * elements are the fields of an entry.
 *
 * <pre>flink run stream-source-stream-sink-all.jar --host redis --port 6379</pre>
 */
public final class StreamSourceStreamSinkJob {

    private StreamSourceStreamSinkJob() {}

    public static void main(String[] args) throws Exception {
        SampleOptions options = SampleOptions.parse(args, "host", "port");

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.enableCheckpointing(5000);

        RedisSinkConfig sinkConfig =
                RedisSinkConfig.builder()
                        .host(options.host())
                        .port(options.port())
                        .topicName("output")
                        .numPartitions(1)
                        .build();

        env.fromSource(
                        new RedisStreamSourceBuilder<Map<String, String>>(
                                        options.host(), options.port(), "test", "test-group")
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "Redis stream",
                        Types.MAP(Types.STRING, Types.STRING))
                .sinkTo(
                        new RedisSinkBuilder<Map<String, String>>(
                                        fields -> RedisMessage.of(null, fields), sinkConfig)
                                .build());
        env.execute("Redis stream to Redis stream");
    }
}
