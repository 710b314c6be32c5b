package com.redis.flink.sink;

import com.redis.flink.sink.writer.RecordEncoder;
import com.redis.flink.sink.writer.RedisSinkWriter;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Appends records to a topic: each becomes one {@code XADD} to the stream of its key's partition.
 * At least once: a checkpoint completes only when Redis has confirmed every record before it.
 * Records with the same key keep their order.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisSink<T> extends SinkBase<T> {

    private static final long serialVersionUID = 1L;

    private final RedisSerializer<T> serializer;
    private final RedisSinkConfig config;

    /** Null: the key is the message's own. */
    private final RedisKeyExtractor<T> keyExtractor;

    RedisSink(
            RedisSerializer<T> serializer,
            RedisSinkConfig config,
            RedisKeyExtractor<T> keyExtractor) {
        this.serializer = serializer;
        this.config = config;
        this.keyExtractor = keyExtractor;
    }

    @Override
    SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException {
        return RedisSinkWriter.open(
                config,
                new RecordEncoder<>(serializer, keyExtractor, config, subtask),
                timers,
                metrics);
    }
}
