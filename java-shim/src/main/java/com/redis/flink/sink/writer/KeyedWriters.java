package com.redis.flink.sink.writer;

import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.bridge.WriterBackend;
import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.RedisHashSerializer;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonSerializer;
import com.redis.flink.sink.RedisJsonSinkConfig;
import com.redis.flink.sink.RedisKeyExtractor;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;

/**
 * Opens the writers of the JSON and the hash sink; they connect when there is something to write.
 */
@Internal
public final class KeyedWriters {

    private KeyedWriters() {}

    /** A writer of JSON documents. */
    public static <T> SinkWriter<T> json(
            RedisJsonSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            RedisJsonSinkConfig config,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics)
            throws IOException {
        KeyedWriteEncoder<T> form = KeyedWriteEncoder.json(serializer, keyExtractor);
        return open(form, config, open(settings(config), config), timers, metrics);
    }

    /** A writer of hashes. */
    public static <T> SinkWriter<T> hash(
            RedisHashSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            RedisHashSinkConfig config,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics)
            throws IOException {
        KeyedWriteEncoder<T> form = KeyedWriteEncoder.hash(serializer, keyExtractor);
        return open(form, config, open(settings(config), config), timers, metrics);
    }

    private static NativeWriter open(String settings, AbstractRedisSinkConfig config)
            throws IOException {
        return NativeWriter.open(settings, config.getConnection().credentials());
    }

    static <T> SinkWriter<T> open(
            KeyedWriteEncoder<T> form,
            AbstractRedisSinkConfig config,
            WriterBackend sink,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics) {
        RedisSinkWriter.warnOfWhatIsNotEmitted(config, form.sink);
        if (config.isFlushOnCheckpoint()) {
            return new ReducingWriter<>(form, config, sink, metrics);
        }
        return new RedisSinkWriter<>(
                new RecordEncoder<>(form, config), FlushPolicy.of(config), sink, timers, metrics);
    }

    /** The sink settings of docs/architecture.md. */
    static String settings(RedisJsonSinkConfig config) {
        return settings("JSON", "json", config)
                .put("path", config.getPath())
                .put("ttlSeconds", config.getTtlSeconds())
                .toString();
    }

    /** The sink settings of docs/architecture.md. */
    static String settings(RedisHashSinkConfig config) {
        return settings("HASH", "hash", config)
                .put("ttlSeconds", config.getTtlSeconds())
                .toString();
    }

    private static ObjectNode settings(String kind, String label, AbstractRedisSinkConfig config) {
        ObjectNode settings =
                JsonNodeFactory.instance
                        .objectNode()
                        .put("kind", kind)
                        .put("topic", label)
                        .put("numPartitions", 1);
        config.addTo(settings);
        SinkTrace.addTo(settings, config);
        return settings;
    }
}
