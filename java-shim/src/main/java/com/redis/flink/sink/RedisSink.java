package com.redis.flink.sink;

import com.redis.flink.sink.writer.MessageEncoder;
import com.redis.flink.sink.writer.RecordEncoder;
import com.redis.flink.sink.writer.RedisSinkWriter;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Appends records to a topic: each becomes one entry of the stream of its key's partition. Records
 * with the same key that come through the same subtask keep their order.
 *
 * <p>At least once, unless the config says exactly once: a checkpoint completes only when Redis has
 * confirmed every record before it. Exactly once: records are in the topic when the checkpoint that
 * holds them has completed.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public class RedisSink<T> extends SinkBase<T> {

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

    final RedisSinkConfig config() {
        return config;
    }

    final RecordEncoder<T> encoder(int subtask) {
        return new MessageEncoder<>(serializer, keyExtractor, config, subtask);
    }

    @Override
    SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException {
        return RedisSinkWriter.open(config, encoder(subtask), timers, metrics);
    }
}
