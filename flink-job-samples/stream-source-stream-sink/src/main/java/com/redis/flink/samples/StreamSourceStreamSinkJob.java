package com.redis.flink.samples;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.basic.RedisStreamSourceBuilder;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.HashMap;
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
        Map<String, String> options = options(args);
        String host = options.getOrDefault("host", "redis");
        int port = Integer.parseInt(options.getOrDefault("port", "6379"));

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.enableCheckpointing(5000);

        RedisSinkConfig sinkConfig =
                RedisSinkConfig.builder()
                        .host(host)
                        .port(port)
                        .topicName("output")
                        .numPartitions(1)
                        .build();

        env.fromSource(
                        new RedisStreamSourceBuilder<Map<String, String>>(
                                        host, port, "test", "test-group")
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

    /**
     * {@code --name value ...}; Flink's own tool for this is in another package in each Flink line.
     */
    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        return options;
    }
}
