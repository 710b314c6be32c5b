package com.redis.flink.sink.writer;

import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * Hands the batch of a writer to the engine, which writes on its own, counts what it has handed
 * over, and ticks the engine until it is closed. Task thread only.
 */
final class BatchSender {

    private final WriterEngine sink;
    private final SinkWriterMetricGroup metrics;
    private final EngineTimer timer;
    private final RecordBatch batch = new RecordBatch();

    /** How many of the batch's records are dead letters. */
    private int deadLetters;

    private boolean closed;

    BatchSender(WriterEngine sink, ProcessingTimeService timers, SinkWriterMetricGroup metrics) {
        this.sink = sink;
        this.metrics = metrics;
        timer = EngineTimer.start(sink, timers);
    }

    /**
     * Returns the batch that is sent next.
     *
     * @throws IllegalStateException the writer is closed
     */
    RecordBatch batch() {
        if (closed) {
            throw new IllegalStateException("the writer is closed");
        }
        return batch;
    }

    boolean isEmpty() {
        return batch.records() == 0;
    }

    boolean isClosed() {
        return closed;
    }

    /** Counts a dead letter that was appended to the batch. */
    void countDeadLetter() {
        deadLetters++;
        metrics.getNumRecordsSendErrorsCounter().inc();
    }

    /** Sends the batch, if there is anything in it. Waits while too much is on its way already. */
    void send() throws IOException, InterruptedException {
        if (isEmpty()) {
            return;
        }
        sink.write(batch.bytes(), batch.length());
        metrics.getNumRecordsSendCounter().inc(batch.records() - deadLetters);
        metrics.getNumBytesSendCounter().inc(batch.length());
        batch.clear();
        deadLetters = 0;
    }

    /** Sends the batch, and waits until Redis has confirmed everything. */
    void flush() throws IOException, InterruptedException {
        batch();
        send();
        sink.flush();
    }

    /** Closes the engine's writer. What is still in the batch is dropped. */
    void close() {
        if (!closed) {
            closed = true;
            timer.cancel();
            sink.close();
        }
    }
}
