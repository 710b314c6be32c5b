package com.redis.flink.sink.writer;

import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.bridge.WriterBackend;
import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.concurrent.ScheduledFuture;

/**
 * Collects records in a frame and hands it to the engine when {@link FlushPolicy} says so; the
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
    private final WriterBackend sink;
    private final ProcessingTimeService timers;
    private final SinkWriterMetricGroup metrics;

    private final RecordBatch frame = new RecordBatch();

    /** How many of the frame's records are dead letters. */
    private int deadLetters;

    /** When the frame must go; of no meaning while it is empty. */
    private long frameDueAt;

    /**
     * The one timer, or null. It is not cancelled when a frame goes because it is full: when it
     * fires it looks at the frame of that time. So a busy writer sets few timers.
     */
    private ScheduledFuture<?> timer;

    private boolean closed;

    public RedisSinkWriter(
            RecordEncoder<T> encoder,
            FlushPolicy policy,
            WriterBackend sink,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics) {
        this.encoder = encoder;
        this.policy = policy;
        this.sink = sink;
        this.timers = timers;
        this.metrics = metrics;
    }

    /** A writer to the engine; connects when there is something to write. */
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
                NativeWriter.open(settings(config), config.getConnection().credentials()),
                timers,
                metrics);
    }

    /** The sink settings of docs/architecture.md. */
    public static String settings(RedisSinkConfig config) {
        ObjectNode settings =
                JsonNodeFactory.instance
                        .objectNode()
                        .put("topic", config.getTopicName())
                        .put("numPartitions", config.getNumPartitions())
                        .put("maxLen", config.getMaxLen())
                        .put("approximateTrimming", config.isApproximateTrimming());
        config.addTo(settings);
        SinkTrace.addTo(settings, config);
        return settings.toString();
    }

    public static void warnOfWhatIsNotEmitted(AbstractRedisSinkConfig config, String sink) {
        if (!config.getOtelServiceName().isEmpty()) {
            LOG.warn(
                    "sink {}: otelServiceName is accepted, but this version emits no spans yet",
                    sink);
        }
    }

    @Override
    public void write(T record, Context context) throws IOException, InterruptedException {
        checkOpen();
        boolean first = frame.records() == 0;
        if (!encoder.encode(record, frame)) {
            deadLetters++;
            metrics.getNumRecordsSendErrorsCounter().inc();
        }
        if (policy.isFull(frame)) {
            handOver();
            if (policy.isSynchronous()) {
                sink.flush();
            }
        } else if (first && policy.hasDelay()) {
            frameDueAt = policy.dueAt(timers.getCurrentProcessingTime());
            if (timer == null) {
                timer = timers.registerTimer(frameDueAt, this::onTimer);
            }
        }
    }

    @Override
    public void flush(boolean endOfInput) throws IOException, InterruptedException {
        checkOpen();
        handOver();
        sink.flush();
    }

    private void onTimer(long time) throws IOException, InterruptedException {
        timer = null;
        if (closed || frame.records() == 0) {
            return;
        }
        if (frameDueAt <= timers.getCurrentProcessingTime()) {
            handOver();
        } else {
            timer = timers.registerTimer(frameDueAt, this::onTimer);
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

    /** What is still in the frame is dropped: it is after the last checkpoint. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (timer != null) {
            timer.cancel(false);
            timer = null;
        }
        sink.close();
    }
}
