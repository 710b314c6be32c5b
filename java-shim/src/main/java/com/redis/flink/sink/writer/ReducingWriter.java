package com.redis.flink.sink.writer;

import com.redis.flink.bridge.WriterBackend;
import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

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
final class ReducingWriter<T> implements SinkWriter<T> {

    private final KeyedWriteEncoder<T> form;
    private final SinkTrace trace;
    private final boolean tracesWrites;
    private final DeadLetters rejections;
    private final long maxBytes;
    private final WriterBackend sink;
    private final SinkWriterMetricGroup metrics;

    private final ReducingBuffer buffer = new ReducingBuffer();

    /** Dead letters as they come; the buffer's content when it goes. */
    private final RecordBatch frame = new RecordBatch();

    private int deadLetters;
    private boolean closed;

    ReducingWriter(
            KeyedWriteEncoder<T> form,
            AbstractRedisSinkConfig config,
            WriterBackend sink,
            SinkWriterMetricGroup metrics) {
        this.form = form;
        this.sink = sink;
        this.metrics = metrics;
        trace = SinkTrace.of(config);
        tracesWrites = trace.writes();
        rejections = new DeadLetters(form, config, trace);
        maxBytes = config.getMaxInFlightBytes();
    }

    @Override
    public void write(T record, Context context) throws IOException, InterruptedException {
        checkOpen();
        KeyedWrite upsert;
        try {
            upsert = form.make(record);
            // Now: when it is written it can no longer be told apart.
            upsert.requireWholeText();
        } catch (Exception | StackOverflowError e) {
            // Whatever the job's code throws says something about this one record.
            rejections.take(record, e, frame);
            deadLetters++;
            metrics.getNumRecordsSendErrorsCounter().inc();
            handOverIfFull();
            return;
        }
        buffer.put(upsert);
        if (buffer.bytes() >= maxBytes) {
            writeOut();
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        checkOpen();
        writeOut();
        sink.flush();
    }

    private void writeOut() throws IOException, InterruptedException {
        for (KeyedWrite upsert : buffer.upserts()) {
            int before = frame.length();
            upsert.writeTo(frame);
            if (tracesWrites) {
                trace.sent(form, upsert, frame.length() - before);
            }
            handOverIfFull();
        }
        buffer.clear();
        handOver();
    }

    private void handOverIfFull() throws IOException, InterruptedException {
        if (frame.length() >= FlushPolicy.MAX_BYTES) {
            handOver();
        }
    }

    private void handOver() throws IOException, InterruptedException {
        if (frame.records() == 0) {
            return;
        }
        sink.write(frame.bytes(), frame.length());
        metrics.getNumRecordsSendCounter().inc(frame.records() - deadLetters);
        metrics.getNumBytesSendCounter().inc(frame.length());
        frame.clear();
        deadLetters = 0;
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("the writer is closed");
        }
    }

    /** What is still in the buffer is dropped: it is after the last checkpoint. */
    @Override
    public void close() {
        if (!closed) {
            closed = true;
            sink.close();
        }
    }
}
