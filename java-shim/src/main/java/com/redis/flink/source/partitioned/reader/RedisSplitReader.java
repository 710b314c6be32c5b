package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.ReaderEngine;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.source.partitioned.split.SplitJson;
import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.connector.base.source.reader.RecordsWithSplitIds;
import org.apache.flink.connector.base.source.reader.splitreader.SplitReader;
import org.apache.flink.connector.base.source.reader.splitreader.SplitsAddition;
import org.apache.flink.connector.base.source.reader.splitreader.SplitsChange;

import java.io.IOException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Takes batches out of the native reader. Flink's fetcher thread calls everything here but {@link
 * #wakeUp}.
 *
 * <p>The native reader reads all splits of the subtask and outlives this object: Flink ends a
 * fetcher that has run out of splits and starts another one for new splits. Therefore {@link
 * #close} leaves it open; {@link RedisSourceReader} owns it.
 */
@Internal
final class RedisSplitReader implements SplitReader<EntryBatch, RedisSplit> {

    /** How long a fetch waits; a wake-up ends it sooner. */
    private static final int MAX_WAIT_MILLIS = 500;

    private final ReaderEngine engine;
    private final String topic;
    private final Consumer<EntryBatch> emitted;

    /** Names of streams by partition, so that no batch needs a new text. Fetcher thread only. */
    private final Map<Integer, String> splitIds = new HashMap<>();

    RedisSplitReader(ReaderEngine engine, String topic, Consumer<EntryBatch> emitted) {
        this.engine = engine;
        this.topic = topic;
        this.emitted = emitted;
    }

    @Override
    public RecordsWithSplitIds<EntryBatch> fetch() throws IOException {
        EntryBatch batch = engine.poll(MAX_WAIT_MILLIS);
        if (batch == null) {
            return RedisSplitRecords.nothing();
        }
        String splitId =
                splitIds.computeIfAbsent(
                        batch.partition(), partition -> RedisSplit.streamOf(topic, partition));
        return RedisSplitRecords.of(splitId, batch, emitted);
    }

    @Override
    public void handleSplitsChanges(SplitsChange<RedisSplit> change) {
        if (!(change instanceof SplitsAddition)) {
            throw new UnsupportedOperationException(
                    "a reader is only ever given splits: " + change.getClass().getName());
        }
        try {
            engine.addSplits(SplitJson.toJson(change.splits()));
        } catch (IOException e) {
            throw Exceptions.unchecked(e);
        }
    }

    @Override
    public void wakeUp() {
        engine.wakeUp();
    }

    /** For watermark alignment: a split that is ahead waits in the native buffer, others go on. */
    @Override
    public void pauseOrResumeSplits(
            Collection<RedisSplit> splitsToPause, Collection<RedisSplit> splitsToResume) {
        engine.pauseOrResume(partitions(splitsToPause), partitions(splitsToResume));
    }

    @Override
    public void close() {
        // The native reader belongs to RedisSourceReader, see above.
    }

    private static int[] partitions(Collection<RedisSplit> splits) {
        return splits.stream().mapToInt(RedisSplit::partition).toArray();
    }
}
