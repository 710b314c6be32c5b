package com.redis.flink.sink.writer;

import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.SimpleCounter;
import org.apache.flink.metrics.groups.OperatorIOMetricGroup;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;

/** Counters that a test can read. */
public final class TestMetrics extends UnregisteredMetricsGroup implements SinkWriterMetricGroup {

    public final Counter errors = new SimpleCounter();
    public final Counter records = new SimpleCounter();
    public final Counter bytes = new SimpleCounter();

    @Override
    public Counter getNumRecordsOutErrorsCounter() {
        return errors;
    }

    @Override
    public Counter getNumRecordsSendErrorsCounter() {
        return errors;
    }

    @Override
    public Counter getNumRecordsSendCounter() {
        return records;
    }

    @Override
    public Counter getNumBytesSendCounter() {
        return bytes;
    }

    @Override
    public void setCurrentSendTimeGauge(Gauge<Long> gauge) {}

    @Override
    public OperatorIOMetricGroup getIOMetricGroup() {
        throw new UnsupportedOperationException("a sink's writer has no use for it");
    }
}
