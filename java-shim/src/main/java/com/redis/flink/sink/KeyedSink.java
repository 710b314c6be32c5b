package com.redis.flink.sink;

import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.config.OptionChecks;
import com.redis.flink.sink.writer.FlushPolicy;
import com.redis.flink.sink.writer.KeyedWriteEncoder;
import com.redis.flink.sink.writer.RedisSinkWriter;
import com.redis.flink.sink.writer.ReducingWriter;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.VisibleForTesting;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Writes records that give a key a new value: what the JSON and the hash sink have in common.
 *
 * @param <T> the type of the records
 */
@Internal
abstract class KeyedSink<T> extends SinkBase<T> {

    private static final long serialVersionUID = 1L;

    final RedisKeyExtractor<T> keyExtractor;
    private final KeyedSinkConfig config;
    private final String label;

    /**
     * @param label the sink's name in messages
     * @throws IllegalArgumentException config or key extractor is null
     */
    KeyedSink(KeyedSinkConfig config, RedisKeyExtractor<T> keyExtractor, String label) {
        this.config = OptionChecks.required("config", config);
        this.keyExtractor =
                OptionChecks.required(
                        "keyExtractor",
                        keyExtractor,
                        "a function from a record to its key in Redis, such as"
                                + " .keyExtractor(Order::getId)");
        this.label = label;
    }

    /** Creates the encoder of one writer. */
    abstract KeyedWriteEncoder<T> encoder(KeyedSinkConfig config);

    @Override
    final SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException {
        NativeWriter sink =
                NativeWriter.open(
                        config.toSettings().toString(), config.getConnection().credentials());
        return openWriter(sink, timers, metrics);
    }

    /** Opens a writer that writes to the given engine. */
    @VisibleForTesting
    final SinkWriter<T> openWriter(
            WriterEngine sink, ProcessingTimeService timers, SinkWriterMetricGroup metrics) {
        RedisSinkWriter.warnOfWhatIsNotEmitted(config, label);
        KeyedWriteEncoder<T> encoder = encoder(config);
        return config.isFlushOnCheckpoint()
                ? new ReducingWriter<>(encoder, config, sink, timers, metrics)
                : new RedisSinkWriter<>(encoder, FlushPolicy.of(config), sink, timers, metrics);
    }
}
