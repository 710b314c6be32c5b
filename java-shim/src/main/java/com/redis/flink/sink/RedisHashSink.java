package com.redis.flink.sink;

import com.redis.flink.sink.writer.KeyedWriters;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Writes records as hashes: each becomes one {@code HSET} of its key. A checkpoint completes only
 * when Redis has confirmed every record before it. What is written again after a failure leaves the
 * same in the end. Records with the same key keep their order.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisHashSink<T> extends SinkBase<T> {

    private static final long serialVersionUID = 1L;

    private final RedisHashSerializer<T> serializer;
    private final RedisHashSinkConfig config;
    private final RedisKeyExtractor<T> keyExtractor;

    RedisHashSink(
            RedisHashSerializer<T> serializer,
            RedisHashSinkConfig config,
            RedisKeyExtractor<T> keyExtractor) {
        this.serializer = serializer;
        this.config = config;
        this.keyExtractor = keyExtractor;
    }

    @Override
    SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException {
        return KeyedWriters.hash(serializer, keyExtractor, config, timers, metrics);
    }
}
