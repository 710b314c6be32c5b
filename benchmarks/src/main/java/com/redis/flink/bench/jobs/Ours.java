package com.redis.flink.bench.jobs;

import com.redis.flink.RedisMessage;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.lab.Latencies;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** Jobs with our connector, with its defaults unless a benchmark says otherwise. */
public final class Ours implements JobDefinition {

    private static final long SLOW_NANOS = 2_000_000;

    private final Consumer<StreamExecutionEnvironment> definition;

    private Ours(Consumer<StreamExecutionEnvironment> definition) {
        this.definition = definition;
    }

    /** Returns the source's settings: all that a topic has. */
    public static RedisSourceConfig.Builder source(Server server, Topic topic) {
        return RedisSourceConfig.builder()
                .host(Server.HOST)
                .port(server.port())
                .topicName(topic.name())
                .numPartitions(topic.partitions())
                .consumerGroup(Topic.GROUP)
                .startingId("0");
    }

    /** Reads a topic and discards what it read. */
    public static Ours read(Server server, Topic topic, AckStrategy strategy) {
        return read(source(server, topic).ackStrategy(strategy).build());
    }

    /** Reads and discards what it read. */
    public static Ours read(RedisSourceConfig config) {
        return new Ours(
                env -> messages(env, config).sinkTo(new DiscardingSink<>()).name("discard"));
    }

    /** Reads a topic and says how long each entry took. */
    public static Ours timed(Server server, Topic topic) {
        return new Ours(
                env ->
                        messages(env, source(server, topic).build())
                                .map(
                                        message -> {
                                            Latencies.received(message.getData().get("data"));
                                            return message;
                                        })
                                .returns(RedisMessage.class)
                                .sinkTo(new DiscardingSink<>()));
    }

    /** Reads, and takes 2 ms for each record. */
    public static Ours readSlowly(RedisSourceConfig config) {
        return new Ours(
                env ->
                        messages(env, config)
                                .map(
                                        message -> {
                                            LockSupport.parkNanos(SLOW_NANOS);
                                            return message;
                                        })
                                .returns(RedisMessage.class)
                                .sinkTo(new DiscardingSink<>()));
    }

    /** Copies a topic to another one. */
    public static Ours copy(Server server, Topic from, Topic to, boolean exactlyOnce) {
        RedisSinkConfig sink =
                RedisSinkConfig.builder()
                        .host(Server.HOST)
                        .port(server.port())
                        .topicName(to.name())
                        .numPartitions(to.partitions())
                        .flushOnCheckpoint(exactlyOnce)
                        .build();
        return new Ours(
                env ->
                        messages(env, source(server, from).build())
                                .sinkTo(
                                        new RedisSinkBuilder<>(
                                                        new RedisPassthroughSerializer(), sink)
                                                .build())
                                .uid("write"));
    }

    private static DataStream<RedisMessage> messages(
            StreamExecutionEnvironment env, RedisSourceConfig config) {
        return env.fromSource(
                        new RedisSourceBuilder<>(config, new RedisMessageDeserializer()).build(),
                        WatermarkStrategy.noWatermarks(),
                        "read")
                .uid("read")
                .map(Meter.counting())
                .returns(RedisMessage.class);
    }

    @Override
    public Contender.Kind kind() {
        return Contender.Kind.OURS;
    }

    @Override
    public void define(StreamExecutionEnvironment env) {
        definition.accept(env);
    }
}
