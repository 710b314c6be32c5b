package com.redis.flink.source.partitioned.reader;

import org.apache.flink.api.common.eventtime.Watermark;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceOutput;

import java.util.ArrayList;
import java.util.List;

/** Writes down what is emitted, as {@code split@timestamp record}. */
final class RecordedOutput implements ReaderOutput<String> {

    final List<String> records = new ArrayList<>();
    final List<String> released = new ArrayList<>();

    /** Thrown by the operator behind the source, in place of taking the next record. */
    RuntimeException downstream;

    @Override
    public SourceOutput<String> createOutputForSplit(String splitId) {
        return new SplitOutput(splitId);
    }

    @Override
    public void releaseOutputForSplit(String splitId) {
        released.add(splitId);
    }

    @Override
    public void collect(String record) {
        throw new AssertionError("records belong to a split's output");
    }

    @Override
    public void collect(String record, long timestamp) {
        throw new AssertionError("records belong to a split's output");
    }

    @Override
    public void emitWatermark(Watermark watermark) {}

    @Override
    public void markIdle() {}

    @Override
    public void markActive() {}

    private final class SplitOutput implements SourceOutput<String> {

        private final String splitId;

        private SplitOutput(String splitId) {
            this.splitId = splitId;
        }

        @Override
        public void collect(String record) {
            throw new AssertionError("records have the time of their entry");
        }

        @Override
        public void collect(String record, long timestamp) {
            if (downstream != null) {
                throw downstream;
            }
            records.add(splitId + "@" + timestamp + " " + record);
        }

        @Override
        public void emitWatermark(Watermark watermark) {}

        @Override
        public void markIdle() {}

        @Override
        public void markActive() {}
    }
}
