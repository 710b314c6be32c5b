package com.redis.flink.chaos.job;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisSink;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.HashMap;
import java.util.Map;

/**
 * Counts every number of the topic {@code chaos} in keyed state, and reports that state as each
 * completed checkpoint has it; with {@code --copy true} also copies them, exactly once, to the
 * topic {@code copy-<strategy>}. With several strategies it is as many jobs, named by strategy:
 * each reads all of the topic in a group of its own.
 *
 * <pre>
 * flink run chaos-job-all.jar --host 127.0.0.1 --port 6379 --user default --password x --parallelism 4
 *     --strategies ON_CHECKPOINT,NOACK --reports /tmp/reports --run 1 --copy true
 * </pre>
 */
public final class ChaosJob {

    /** Where reading and dead letters meet the harness. */
    public static final String TOPIC = "chaos";

    public static final int PARTITIONS = 4;
    private static final int CHECKPOINT_MILLIS = 500;

    private ChaosJob() {}

    public static void main(String[] args) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        for (String strategy : options.get("strategies").split(",")) {
            StreamExecutionEnvironment env =
                    StreamExecutionEnvironment.getExecutionEnvironment(configuration());
            define(env, AckStrategy.valueOf(strategy), options);
            env.executeAsync(strategy);
        }
    }

    private static void define(
            StreamExecutionEnvironment env, AckStrategy strategy, Map<String, String> options) {
        RedisSourceConfig config =
                RedisSourceConfig.builder()
                        .host(options.get("host"))
                        .port(Integer.parseInt(options.get("port")))
                        .user(options.get("user"))
                        .password(options.get("password"))
                        .topicName(TOPIC)
                        .numPartitions(PARTITIONS)
                        .consumerGroup(strategy.name())
                        .ackStrategy(strategy)
                        .startingId("0")
                        .failedDeserializationStreamName("bad-" + strategy)
                        .connectTimeoutMillis(2000)
                        .commandTimeoutMillis(2500)
                        .retryTimeoutMillis(120_000)
                        .build();
        env.setParallelism(Integer.parseInt(options.get("parallelism")));
        DataStream<Tuple2<String, Long>> numbers =
                env.fromSource(
                                new RedisSourceBuilder<>(config, new NumberDeserializer()).build(),
                                WatermarkStrategy.noWatermarks(),
                                "numbers")
                        .uid("numbers");
        if (Boolean.parseBoolean(options.get("copy"))) {
            numbers.sinkTo(copy("copy-" + strategy, options)).name("copy").uid("copy");
        }
        numbers.keyBy(number -> number.f0, Types.STRING)
                .transform(
                        "count",
                        Types.TUPLE(Types.STRING, Types.LONG),
                        new CountOperator(
                                options.get("reports"), strategy + "-" + options.get("run")))
                .uid("count");
    }

    private static RedisSink<Tuple2<String, Long>> copy(String topic, Map<String, String> options) {
        RedisSinkConfig config =
                RedisSinkConfig.builder()
                        .host(options.get("host"))
                        .port(Integer.parseInt(options.get("port")))
                        .user(options.get("user"))
                        .password(options.get("password"))
                        .topicName(topic)
                        .numPartitions(PARTITIONS)
                        .flushOnCheckpoint(true)
                        .connectTimeoutMillis(2000)
                        .commandTimeoutMillis(2500)
                        .retryTimeoutMillis(120_000)
                        .build();
        return new RedisSinkBuilder<Tuple2<String, Long>>(
                        number ->
                                RedisMessage.of(
                                        number.f0, Map.of("number", Long.toString(number.f1))),
                        config)
                .build();
    }

    /** By name: the constants of some of these are in another class in each Flink line. */
    private static Configuration configuration() {
        Map<String, String> options = new HashMap<>();
        options.put("execution.checkpointing.interval", CHECKPOINT_MILLIS + " ms");
        options.put("execution.checkpointing.timeout", "20 s");
        options.put("execution.checkpointing.tolerable-failed-checkpoints", "1000000");
        options.put(
                "execution.checkpointing.externalized-checkpoint-retention",
                "RETAIN_ON_CANCELLATION");
        options.put("restart-strategy.type", "fixed-delay");
        options.put("restart-strategy.fixed-delay.attempts", Integer.toString(Integer.MAX_VALUE));
        options.put("restart-strategy.fixed-delay.delay", "500 ms");
        return Configuration.fromMap(options);
    }
}
