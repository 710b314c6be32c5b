package com.redis.flink.source.basic;

import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;

import org.apache.flink.annotation.PublicEvolving;

import java.util.Map;
import java.util.function.Consumer;

/**
 * Builds a {@link RedisStreamSource}.
 *
 * @param <T> always {@code Map<String, String>}; a parameter because documented jobs give it
 */
@PublicEvolving
public final class RedisStreamSourceBuilder<T> {

    private final RedisSourceConfig.Builder config;

    /**
     * Creates a builder of a source that reads the stream {@code topic:0}.
     *
     * @param host name or address of the server
     * @param port TCP port
     * @param topic the topic, which has this one partition
     * @param group the consumer group, made where it is missing
     */
    public RedisStreamSourceBuilder(String host, int port, String topic, String group) {
        this(topic, group);
        config.host(host).port(port);
    }

    /**
     * The same of the server {@code localhost:6379}, or of the one that {@link #configure} names.
     */
    public RedisStreamSourceBuilder(String topic, String group) {
        config = RedisSourceConfig.builder().topicName(topic).numPartitions(1).consumerGroup(group);
    }

    /** Sets any other option, for example TLS: {@code configure(c -> c.useTls(true))}. */
    public RedisStreamSourceBuilder<T> configure(Consumer<RedisSourceConfig.Builder> options) {
        options.accept(config);
        return this;
    }

    /** Sets the user of Redis' access control list; default {@code default}. */
    public RedisStreamSourceBuilder<T> user(String value) {
        config.user(value);
        return this;
    }

    /** Sets the password; default: empty, no authentication. */
    public RedisStreamSourceBuilder<T> password(String value) {
        config.password(value);
        return this;
    }

    /** As {@link RedisSourceConfig.Builder#startingId}; default {@code $}. */
    public RedisStreamSourceBuilder<T> startingId(Object value) {
        config.startingId(value);
        return this;
    }

    /**
     * As {@link RedisSourceConfig.Builder#ackStrategy}; default {@link AckStrategy#ON_CHECKPOINT}.
     */
    public RedisStreamSourceBuilder<T> ackStrategy(AckStrategy value) {
        config.ackStrategy(value);
        return this;
    }

    /**
     * Returns the source.
     *
     * @throws IllegalArgumentException an option has a wrong value or is missing; names it, the
     *     value, and what is allowed
     */
    public RedisStreamSource<T> build() {
        RedisSource<Map<String, String>> source =
                new RedisSourceBuilder<>(config.build(), new FieldsDeserializer()).build();
        return new RedisStreamSource<>(source);
    }
}
