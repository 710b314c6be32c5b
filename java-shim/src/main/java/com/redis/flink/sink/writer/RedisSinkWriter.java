package com.redis.flink.sink.writer;

import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.concurrent.ScheduledFuture;

import javax.annotation.Nullable;

/**
 * Collects records in a batch and hands it to the engine when {@link FlushPolicy} says so; the
 * engine writes on its own. At a checkpoint, and at the end of the input, it waits until Redis has
 * confirmed everything.
 *
 * <p>All of it, timers too, runs in the task's thread.
 *
 * @param <T> the records' type
 */
@Internal
public final class RedisSinkWriter<T> implements SinkWriter<T> {

    private static final Logger LOG = LoggerFactory.getLogger(RedisSinkWriter.class);

    private final RecordEncoder<T> encoder;
    private final FlushPolicy policy;
    private final ProcessingTimeService timers;
    private final BatchSender sender;

    /** When the batch must go; of no meaning while it is empty. */
    private long batchDueAt;

    /**
     * The one timer, or null. It is not cancelled when a batch goes because it is full: when it
     * fires it looks at the batch of that time. So a busy writer sets few timers.
     */
    @Nullable private ScheduledFuture<?> timer;

    public RedisSinkWriter(
            RecordEncoder<T> encoder,
            FlushPolicy policy,
            WriterEngine sink,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics) {
        this.encoder = encoder;
        this.policy = policy;
        this.timers = timers;
        sender = new BatchSender(sink, timers, metrics);
    }

    /** Opens a writer to the engine; it connects when there is something to write. */
    public static <T> RedisSinkWriter<T> open(
            RedisSinkConfig config,
            RecordEncoder<T> encoder,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics)
            throws IOException {
        warnOfWhatIsNotEmitted(config, config.getTopicName());
        return new RedisSinkWriter<>(
                encoder,
                FlushPolicy.of(config),
                NativeWriter.open(
                        config.toSettings().toString(), config.getConnection().credentials()),
                timers,
                metrics);
    }

    /** Logs a warning of options that are accepted and have no effect yet. */
    public static void warnOfWhatIsNotEmitted(AbstractRedisSinkConfig config, String sink) {
        if (!config.getOtelServiceName().isEmpty()) {
            LOG.warn(
                    "sink {}: otelServiceName is accepted, but this version emits no spans yet",
                    sink);
        }
    }

    @Override
    public void write(T record, Context context) throws IOException, InterruptedException {
        RecordBatch batch = sender.batch();
        boolean first = batch.records() == 0;
        if (!encoder.encode(record, batch)) {
            sender.countDeadLetter();
        }
        if (policy.isFull(batch)) {
            if (policy.isSynchronous()) {
                sender.flush();
            } else {
                sender.send();
            }
        } else if (first && policy.hasDelay()) {
            batchDueAt = policy.dueAt(timers.getCurrentProcessingTime());
            if (timer == null) {
                timer = timers.registerTimer(batchDueAt, this::onTimer);
            }
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        sender.flush();
    }

    private void onTimer(long time) throws IOException, InterruptedException {
        timer = null;
        if (sender.isClosed() || sender.isEmpty()) {
            return;
        }
        if (batchDueAt <= timers.getCurrentProcessingTime()) {
            sender.send();
        } else {
            timer = timers.registerTimer(batchDueAt, this::onTimer);
        }
    }

    /** What is still in the batch is dropped: it is after the last checkpoint. */
    @Override
    public void close() {
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        sender.close();
    }
}
