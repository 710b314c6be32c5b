package com.redis.flink.samples;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.HashMap;
import java.util.Map;

/**
 * Copies the topic {@code test} (the streams {@code test:0} to {@code test:3}) to the topic {@code
 * output}.
 *
 * <pre>
 * export REDIS_PASSWORD=secret
 * flink run partitioned-stream-all.jar --host redis --port 6379 --user default
 * </pre>
 *
 * <p>Other servers than one plain one by {@code --uri}, for example {@code rediss://redis:6380} or
 * {@code redis-sentinel://sentinel:26379#mymaster}, in the place of host and port.
 */
public final class PartitionedStreamJob {

    public static final String TOPIC = "test";
    public static final String OUTPUT = "output";
    public static final String GROUP = "test-group";
    public static final int PARTITIONS = 4;

    private PartitionedStreamJob() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        define(env, args);
        env.execute("Redis to Redis");
    }

    /** Adds the job to an environment; {@code args} are those of {@link #main}. */
    public static void define(StreamExecutionEnvironment env, String... args) {
        Map<String, String> options = options(args);
        String uri = uri(options);
        String user = options.get("user");
        String password = options.getOrDefault("password", System.getenv("REDIS_PASSWORD"));

        RedisSourceConfig sourceConfig =
                RedisSourceConfig.builder()
                        .uri(uri)
                        .user(user)
                        .password(password)
                        .consumerGroup(GROUP)
                        .topicName(TOPIC)
                        .numPartitions(PARTITIONS)
                        .build();
        RedisSinkConfig sinkConfig =
                RedisSinkConfig.builder()
                        .uri(uri)
                        .user(user)
                        .password(password)
                        .topicName(OUTPUT)
                        .numPartitions(PARTITIONS)
                        .build();

        RedisSourceBuilder<RedisMessage> sourceBuilder =
                new RedisSourceBuilder<>(sourceConfig, new RedisMessageDeserializer());
        RedisSinkBuilder<RedisMessage> sinkBuilder =
                new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sinkConfig);

        env.setParallelism(PARTITIONS);
        env.enableCheckpointing(5000);
        env.fromSource(
                        sourceBuilder.build(),
                        WatermarkStrategy.noWatermarks(),
                        "Redis to Redis",
                        TypeInformation.of(RedisMessage.class))
                .sinkTo(sinkBuilder.build());
    }

    /** {@code --uri}, or the one that {@code --host} and {@code --port} make. */
    private static String uri(Map<String, String> options) {
        String host = options.getOrDefault("host", "redis");
        String port = options.getOrDefault("port", "6379");
        return options.getOrDefault("uri", "redis://" + host + ":" + port);
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
