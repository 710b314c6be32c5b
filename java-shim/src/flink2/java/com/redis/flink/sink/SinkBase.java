package com.redis.flink.sink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.InitContext;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;

import java.io.IOException;

/**
 * The way Flink 2 opens a writer. (Flink 1 has one more; its twin of this class is in {@code
 * src/flink1}.)
 */
@Internal
abstract class SinkBase<T> implements Sink<T> {

    private static final long serialVersionUID = 1L;

    SinkBase() {
        FlinkLine.require(2);
    }

    abstract SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException;

    /** For a writer that has to know more about its task than its number. */
    SinkWriter<T> openWriter(
            InitContext context, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException {
        return openWriter(context.getTaskInfo().getIndexOfThisSubtask(), timers, metrics);
    }

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) throws IOException {
        return openWriter(context, context.getProcessingTimeService(), context.metricGroup());
    }
}
