package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.ReaderEngine;
import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.enumerator.AllSplitsAssigned;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.SplitJson;
import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.SourceEvent;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.connector.base.source.reader.SingleThreadMultiplexSourceReaderBase;
import org.apache.flink.core.io.InputStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One reader subtask: one native reader, which reads all of its splits. Every method runs on the
 * task thread; the native reader is also used by Flink's fetcher thread ({@link RedisSplitReader}).
 *
 * @param <T> the records that the deserializer makes
 */
@Internal
public final class RedisSourceReader<T>
        extends SingleThreadMultiplexSourceReaderBase<EntryBatch, T, RedisSplit, RedisSplitState> {

    private static final Logger LOG = LoggerFactory.getLogger(RedisSourceReader.class);

    private final RedisSourceConfig config;
    private final ReaderEngine engine;
    private final DeadLetters deadLetters;
    private final AcknowledgmentTracker progress;

    /**
     * Restored splits that are not of this job's topic and group, until their outputs are released.
     */
    private final List<RedisSplit> foreign = new ArrayList<>();

    /** Where records go, once Flink has said it. */
    private ReaderOutput<T> output;

    /** Every split has been assigned, and this reader has none. */
    private boolean idle;

    private RedisSourceReader(
            RedisSourceConfig config,
            RedisDeserializer<T> deserializer,
            SourceReaderContext context,
            ReaderEngine engine,
            DeadLetters deadLetters,
            AcknowledgmentTracker progress) {
        super(
                () -> new RedisSplitReader(engine, config.getTopicName(), progress::batchEmitted),
                new RedisRecordEmitter<>(deserializer, deadLetters),
                context.getConfiguration(),
                context);
        this.config = config;
        this.engine = engine;
        this.deadLetters = deadLetters;
        this.progress = progress;
    }

    /**
     * Returns a reader.
     *
     * @param deserializer opened already
     * @param engine owned by the reader from here on; closed when there will be none
     */
    public static <T> RedisSourceReader<T> create(
            RedisSourceConfig config,
            RedisDeserializer<T> deserializer,
            SourceReaderContext context,
            ReaderEngine engine,
            WriterEngine.Factory writers) {
        try {
            DeadLetters deadLetters =
                    new DeadLetters(
                            config, writers, context.metricGroup().getNumRecordsInErrorsCounter());
            AcknowledgmentTracker progress =
                    new AcknowledgmentTracker(engine, deadLetters, config.getAckStrategy());
            ReaderMetrics.register(context.metricGroup(), engine);
            return new RedisSourceReader<>(
                    config, deserializer, context, engine, deadLetters, progress);
        } catch (Throwable e) {
            engine.close();
            throw e;
        }
    }

    /**
     * Takes splits, new ones as well as those of this reader's restored state. Splits of another
     * topic or group (the job was changed and started from an old savepoint) are dropped; the
     * enumerator does the same and finds the splits anew.
     */
    @Override
    public void addSplits(List<RedisSplit> splits) {
        List<RedisSplit> own = new ArrayList<>(splits.size());
        for (RedisSplit split : splits) {
            if (split.belongsTo(config.getTopicName(), config.getConsumerGroup())) {
                own.add(split);
            } else {
                LOG.info(
                        "Dropping the restored {}: this job reads topic {} with group {}.",
                        split,
                        config.getTopicName(),
                        config.getConsumerGroup());
                foreign.add(split);
            }
        }
        if (!own.isEmpty()) {
            super.addSplits(own);
        }
    }

    /** Flink asks a reader without splits for records once, at its start, and then no more. */
    @Override
    public void handleSourceEvents(SourceEvent event) {
        if (event instanceof AllSplitsAssigned) {
            idle = getNumberOfCurrentlyAssignedSplits() == 0;
            markIdle();
        }
    }

    private void markIdle() {
        if (idle && output != null) {
            output.markIdle();
        }
    }

    @Override
    public InputStatus pollNext(ReaderOutput<T> output) throws Exception {
        if (this.output == null) {
            this.output = output;
            markIdle();
        }
        if (!foreign.isEmpty()) {
            releaseForeign(output);
        }
        deadLetters.tick();
        return super.pollNext(output);
    }

    @Override
    public List<RedisSplit> snapshotState(long checkpointId) {
        try {
            deadLetters.confirm();
        } catch (IOException e) {
            throw Exceptions.unchecked(e);
        } catch (InterruptedException e) {
            throw Exceptions.unchecked(e);
        }
        List<RedisSplit> splits = super.snapshotState(checkpointId);
        engine.checkpoint(checkpointId, SplitJson.toPositions(progress.checkpoint(checkpointId)));
        return splits;
    }

    @Override
    public void notifyCheckpointComplete(long checkpointId) throws Exception {
        super.notifyCheckpointComplete(checkpointId);
        progress.completed(checkpointId);
        engine.complete(checkpointId);
    }

    @Override
    public void notifyCheckpointAborted(long checkpointId) {
        engine.abort(checkpointId);
    }

    /** Ends the fetcher first, as it may be waiting in the native reader. */
    @Override
    public void close() throws Exception {
        try {
            super.close();
        } finally {
            try {
                deadLetters.close();
            } finally {
                engine.close();
            }
        }
    }

    @Override
    protected void onSplitFinished(Map<String, RedisSplitState> finishedSplits) {
        progress.finish(finishedSplits.values());
    }

    @Override
    protected RedisSplitState initializedState(RedisSplit split) {
        return progress.add(split);
    }

    @Override
    protected RedisSplit toSplitType(String splitId, RedisSplitState state) {
        return state.toSplit();
    }

    /**
     * Flink made an output for each restored split; one that nobody reads would hold back the
     * watermark for good.
     */
    private void releaseForeign(ReaderOutput<T> output) {
        for (RedisSplit split : foreign) {
            boolean readAgain =
                    progress.isReading(split.partition())
                            && split.stream()
                                    .equals(
                                            RedisSplit.streamOf(
                                                    config.getTopicName(), split.partition()));
            if (!readAgain) {
                output.releaseOutputForSplit(split.splitId());
            }
        }
        foreign.clear();
    }
}
