package com.redis.flink.sink;

import com.redis.flink.bridge.NativeCommitter;
import com.redis.flink.sink.committer.RedisCommittable;
import com.redis.flink.sink.committer.RedisCommittableSerializer;
import com.redis.flink.sink.committer.RedisCommitter;
import com.redis.flink.sink.staging.ExactlyOnceWriter;
import com.redis.flink.sink.staging.Lanes;
import com.redis.flink.sink.staging.RedisWriterState;
import com.redis.flink.sink.staging.RedisWriterStateSerializer;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.common.operators.ProcessingTimeService;
import org.apache.flink.api.connector.sink2.Committer;
import org.apache.flink.api.connector.sink2.CommitterInitContext;
import org.apache.flink.api.connector.sink2.StatefulSinkWriter;
import org.apache.flink.api.connector.sink2.SupportsCommitter;
import org.apache.flink.api.connector.sink2.SupportsWriterState;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.core.io.SimpleVersionedSerializer;
import org.apache.flink.metrics.groups.SinkWriterMetricGroup;
import org.apache.flink.streaming.api.connector.sink2.SupportsPreWriteTopology;
import org.apache.flink.streaming.api.datastream.DataStream;

import java.io.IOException;
import java.util.Collection;
import java.util.List;

/**
 * The stream sink when it is exactly once: a class of its own, since Flink asks a sink's class
 * whether it commits. The protocol is in docs/delivery.md.
 *
 * <p>({@code InitContext} alone would be another one, that of Flink 1's {@code Sink}.)
 */
@Internal
final class ExactlyOnceRedisSink<T> extends RedisSink<T>
        implements SupportsCommitter<RedisCommittable>,
                SupportsWriterState<T, RedisWriterState>,
                SupportsPreWriteTopology<T> {

    private static final long serialVersionUID = 1L;

    ExactlyOnceRedisSink(
            RedisSerializer<T> serializer,
            RedisSinkConfig config,
            RedisKeyExtractor<T> keyExtractor) {
        super(serializer, config, keyExtractor);
    }

    /** Adds nothing; here the sink sees the job that it is in. */
    @Override
    public DataStream<T> addPreWriteTopology(DataStream<T> input) {
        FinalCheckpoint.require(input, config().getTopicName());
        return input;
    }

    @Override
    ExactlyOnceWriter<T> openWriter(
            org.apache.flink.api.connector.sink2.InitContext context,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics)
            throws IOException {
        return open(context, timers, metrics, List.of());
    }

    @Override
    public StatefulSinkWriter<T, RedisWriterState> restoreWriter(
            WriterInitContext context, Collection<RedisWriterState> recoveredState)
            throws IOException {
        return open(
                context, context.getProcessingTimeService(), context.metricGroup(), recoveredState);
    }

    private ExactlyOnceWriter<T> open(
            org.apache.flink.api.connector.sink2.InitContext context,
            ProcessingTimeService timers,
            SinkWriterMetricGroup metrics,
            Collection<RedisWriterState> recoveredState)
            throws IOException {
        return ExactlyOnceWriter.open(
                config(),
                encoder(context.getTaskInfo().getIndexOfThisSubtask()),
                Lanes.of(context, metrics, recoveredState),
                timers,
                metrics);
    }

    @Override
    public Committer<RedisCommittable> createCommitter(CommitterInitContext context)
            throws IOException {
        return new RedisCommitter(
                NativeCommitter.open(
                        config().toSettings().toString(), config().getConnection().credentials()));
    }

    @Override
    public SimpleVersionedSerializer<RedisCommittable> getCommittableSerializer() {
        return new RedisCommittableSerializer();
    }

    @Override
    public SimpleVersionedSerializer<RedisWriterState> getWriterStateSerializer() {
        return new RedisWriterStateSerializer();
    }
}
