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
        SampleOptions options =
                SampleOptions.parse(args, "uri", "host", "port", "user", "password");

        RedisSourceConfig sourceConfig =
                RedisSourceConfig.builder()
                        .uri(options.uri())
                        .user(options.user())
                        .password(options.password())
                        .consumerGroup(GROUP)
                        .topicName(TOPIC)
                        .numPartitions(PARTITIONS)
                        .build();
        RedisSinkConfig sinkConfig =
                RedisSinkConfig.builder()
                        .uri(options.uri())
                        .user(options.user())
                        .password(options.password())
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
}
