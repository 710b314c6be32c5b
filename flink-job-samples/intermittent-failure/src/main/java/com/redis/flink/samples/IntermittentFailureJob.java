package com.redis.flink.samples;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Copies the topic {@code test} (the streams {@code test:0} to {@code test:3}) to the topic {@code
 * output}, and fails with every 250th record. Flink starts it again, from the last checkpoint: all
 * the same the output has each message once, in order for each key.
 *
 * <pre>
 * export REDIS_PASSWORD=secret
 * flink run intermittent-failure-all.jar --host redis --port 6379 --user default
 * </pre>
 *
 * <p>Other servers than one plain one by {@code --uri}, for example {@code rediss://redis:6380} or
 * {@code redis-sentinel://sentinel:26379#mymaster}, in the place of host and port.
 */
public final class IntermittentFailureJob {

    private static final int PARTITIONS = 4;
    private static final int CHECKPOINT_MILLIS = 500;
    private static final int RECORDS_TO_FAILURE = 250;

    /**
     * The pace of each subtask. It must leave time for a checkpoint between two failures, else the
     * job would go back to the same place for ever.
     */
    private static final long RECORD_MILLIS = 5;

    private IntermittentFailureJob() {}

    public static void main(String[] args) throws Exception {
        SampleOptions options =
                SampleOptions.parse(args, "uri", "host", "port", "user", "password", "records");

        RedisSourceConfig sourceConfig =
                RedisSourceConfig.builder()
                        .uri(options.uri())
                        .user(options.user())
                        .password(options.password())
                        .consumerGroup("test-group")
                        .topicName("test")
                        .numPartitions(PARTITIONS)
                        .build();
        RedisSinkConfig sinkConfig =
                RedisSinkConfig.builder()
                        .uri(options.uri())
                        .user(options.user())
                        .password(options.password())
                        .topicName("output")
                        .numPartitions(PARTITIONS)
                        .deliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                        .build();

        Configuration restarts = new Configuration();
        restarts.setString("restart-strategy.type", "fixed-delay");
        restarts.setString(
                "restart-strategy.fixed-delay.attempts", Integer.toString(Integer.MAX_VALUE));
        restarts.setString("restart-strategy.fixed-delay.delay", "100 ms");

        StreamExecutionEnvironment env =
                StreamExecutionEnvironment.getExecutionEnvironment(restarts);
        env.setParallelism(PARTITIONS);
        env.enableCheckpointing(CHECKPOINT_MILLIS);
        env.fromSource(
                        new RedisSourceBuilder<>(sourceConfig, new RedisMessageDeserializer())
                                .build(),
                        WatermarkStrategy.noWatermarks(),
                        "Redis",
                        TypeInformation.of(RedisMessage.class))
                .uid("source")
                .map(new IntermittentFailure())
                .uid("intermittent-failure")
                .sinkTo(
                        new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sinkConfig)
                                .build())
                .uid("sink");
        env.execute("Redis to Redis, failing now and then");
    }

    /** Fails with the 250th record after each start. */
    private static final class IntermittentFailure
            implements MapFunction<RedisMessage, RedisMessage> {

        private static final long serialVersionUID = 1L;

        private int records;

        @Override
        public RedisMessage map(RedisMessage message) throws Exception {
            Thread.sleep(RECORD_MILLIS);
            if (++records == RECORDS_TO_FAILURE) {
                throw new IllegalStateException("this is record " + records + ": time to fail");
            }
            return message;
        }
    }
}
