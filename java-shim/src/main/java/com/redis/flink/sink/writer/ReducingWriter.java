package com.redis.flink.sink.writer;

import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.sink.AbstractRedisSinkConfig;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Keeps the latest of each key back until the checkpoint, and writes it then: what a failure makes
 * Flink repeat was, as a rule, not written yet, and leaves the same in the end if it was.
 *
 * <p>All of it runs in the task's thread.
 *
 * @param <T> the records' type
 */
@Internal
public final class ReducingWriter<T> implements SinkWriter<T> {

    private final KeyedWriteEncoder<T> encoder;
    private final long maxBytes;
    private final ReducingBuffer buffer = new ReducingBuffer();

    /** Sends dead letters as they come, and the buffer's content when it goes. */
    private final BatchSender sender;

    public ReducingWriter(
            KeyedWriteEncoder<T> encoder,
            AbstractRedisSinkConfig config,
            WriterEngine sink,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics) {
        this.encoder = encoder;
        maxBytes = config.getMaxInFlightBytes();
        sender = new BatchSender(sink, timers, metrics);
    }

    @Override
    public void write(T record, Context context) throws IOException, InterruptedException {
        KeyedWrite write = encoder.make(record, sender.batch());
        if (write == null) {
            sender.countDeadLetter();
            sendIfFull();
            return;
        }
        buffer.put(write);
        if (buffer.bytes() >= maxBytes) {
            writeOut();
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        writeOut();
        sender.flush();
    }

    private void writeOut() throws IOException, InterruptedException {
        for (KeyedWrite write : buffer.writes()) {
            encoder.append(write, sender.batch());
            sendIfFull();
        }
        buffer.clear();
        sender.send();
    }

    private void sendIfFull() throws IOException, InterruptedException {
        if (sender.batch().length() >= FlushPolicy.MAX_BYTES) {
            sender.send();
        }
    }

    /** What is still in the buffer is dropped: it is after the last checkpoint. */
    @Override
    public void close() {
        sender.close();
    }
}
