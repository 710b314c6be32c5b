package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.ReaderEngine;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.split.RedisSplit;
import com.redis.flink.wire.EntryBatch;
import com.redis.flink.wire.EntryId;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/**
 * What the engine is told of the splits' progress, so that it acknowledges the right entries. Task
 * thread only.
 *
 * <p>Flink forgets a split the moment it is finished. Here it lives on until a checkpoint that
 * holds its last position completes, as its last entries are acknowledged by then and not sooner.
 */
@Internal
final class AcknowledgmentTracker {

    private final ReaderEngine engine;
    private final DeadLetters deadLetters;
    private final boolean acknowledgeOnEmit;

    private final Map<Integer, RedisSplitState> reading = new HashMap<>();
    private final Map<Integer, Finished> finished = new HashMap<>();

    AcknowledgmentTracker(ReaderEngine engine, DeadLetters deadLetters, AckStrategy ackStrategy) {
        this.engine = engine;
        this.deadLetters = deadLetters;
        this.acknowledgeOnEmit = ackStrategy == AckStrategy.ON_EMIT;
    }

    RedisSplitState add(RedisSplit split) {
        RedisSplitState state = new RedisSplitState(split);
        reading.put(split.partition(), state);
        finished.remove(split.partition());
        return state;
    }

    boolean isReading(int partition) {
        return reading.containsKey(partition);
    }

    /** All of a batch has been emitted. */
    void batchEmitted(EntryBatch batch) {
        RedisSplitState state = reading.get(batch.partition());
        state.positioned(batch.positionMilliseconds(), batch.positionSequence(), batch.isPending());
        boolean acknowledge = acknowledgeOnEmit && batch.entries() > 0;
        try {
            if (acknowledge || batch.isFinished()) {
                deadLetters.confirm();
            } else {
                deadLetters.send();
            }
        } catch (IOException e) {
            throw Exceptions.unchecked(e);
        } catch (InterruptedException e) {
            throw Exceptions.unchecked(e);
        }
        if (acknowledge || batch.beginsAnew()) {
            EntryId upTo = state.emittedUpTo();
            engine.emitted(batch.partition(), upTo.milliseconds(), upTo.sequence());
        }
    }

    void finish(Collection<RedisSplitState> states) {
        for (RedisSplitState state : states) {
            reading.remove(state.partition());
            finished.put(state.partition(), new Finished(state.toSplit()));
        }
    }

    /**
     * Returns what the checkpoint holds, and with it what finished since the last one that
     * completed.
     */
    List<RedisSplit> checkpoint(long checkpointId) {
        List<RedisSplit> positions = new ArrayList<>();
        reading.values().forEach(state -> positions.add(state.toSplit()));
        for (Finished split : finished.values()) {
            split.firstCheckpoint = Math.min(split.firstCheckpoint, checkpointId);
            positions.add(split.last);
        }
        return positions;
    }

    void completed(long checkpointId) {
        for (Iterator<Finished> splits = finished.values().iterator(); splits.hasNext(); ) {
            if (splits.next().firstCheckpoint <= checkpointId) {
                splits.remove();
            }
        }
    }

    /** A split that has ended, and the first checkpoint that held it so. */
    private static final class Finished {

        private final RedisSplit last;
        private long firstCheckpoint = Long.MAX_VALUE;

        private Finished(RedisSplit last) {
            this.last = last;
        }
    }
}
