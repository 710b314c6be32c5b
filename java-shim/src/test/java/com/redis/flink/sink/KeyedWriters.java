package com.redis.flink.sink;

import com.redis.flink.bridge.WriterEngine;

import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

/** Opens the writers of the JSON and the hash sink with an engine of the test's. */
public final class KeyedWriters {

    private KeyedWriters() {}

    /** What a sink makes of its records. */
    public interface Kind<T> {
        KeyedSink<T> sink(AbstractRedisSinkConfig config);
    }

    public static <T> Kind<T> json(
            RedisJsonSerializer<T> serializer, RedisKeyExtractor<T> keyExtractor) {
        return config ->
                new RedisJsonSinkBuilder<>(serializer, (RedisJsonSinkConfig) config)
                        .keyExtractor(keyExtractor)
                        .build();
    }

    public static <T> Kind<T> hash(
            RedisHashSerializer<T> serializer, RedisKeyExtractor<T> keyExtractor) {
        return config ->
                new RedisHashSinkBuilder<>(serializer, (RedisHashSinkConfig) config)
                        .keyExtractor(keyExtractor)
                        .build();
    }

    public static <T> SinkWriter<T> open(
            Kind<T> kind,
            AbstractRedisSinkConfig config,
            WriterEngine engine,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics) {
        return kind.sink(config).openWriter(engine, timers, metrics);
    }
}
