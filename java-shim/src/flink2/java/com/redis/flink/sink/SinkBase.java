package com.redis.flink.sink;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
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

    abstract SinkWriter<T> openWriter(
            int subtask, ProcessingTimeService timers, SinkWriterMetricGroup metrics)
            throws IOException;

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) throws IOException {
        return openWriter(
                context.getTaskInfo().getIndexOfThisSubtask(),
                context.getProcessingTimeService(),
                context.metricGroup());
    }
}
