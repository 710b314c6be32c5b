package com.redis.flink.source.partitioned.reader;

import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisDeserializer;
import com.redis.flink.wire.EntryBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.source.SourceOutput;
import org.apache.flink.connector.base.source.reader.RecordEmitter;
import org.apache.flink.util.Collector;

import java.util.ArrayList;
import java.util.List;

/**
 * Turns entries into records and moves the split's position. Task thread only.
 *
 * <p>The deserializer's records are gathered before the first one is emitted. So an exception of an
 * operator that is chained to the source is never taken for one of the deserializer, and an entry
 * that fails half way emits nothing.
 *
 * <p>What a deserializer throws is the entry's own fault, and so is a stack that ended, since it is
 * the entry that decides how deep a deserializer goes. Other errors (no memory, a class that is
 * missing) say nothing of the entry and fail the job.
 */
@Internal
final class RedisRecordEmitter<T> implements RecordEmitter<EntryBatch, T, RedisSplitState> {

    private final RedisDeserializer<T> deserializer;
    private final DeadLetters deadLetters;
    private final Gathered<T> gathered = new Gathered<>();

    RedisRecordEmitter(RedisDeserializer<T> deserializer, DeadLetters deadLetters) {
        this.deserializer = deserializer;
        this.deadLetters = deadLetters;
    }

    @Override
    public void emitRecord(EntryBatch entry, SourceOutput<T> output, RedisSplitState state)
            throws Exception {
        long milliseconds = entry.milliseconds();
        long sequence = entry.sequence();
        byte[] strings = entry.takeStrings();
        List<T> records = gathered.records;
        try {
            records.clear();
            deserializer.deserialize(
                    RedisMessage.ofEntry(
                            state.stream(), milliseconds, sequence, strings, entry.pairs()),
                    gathered);
            refuseNull(records);
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception | StackOverflowError e) {
            records.clear();
            deadLetters.reject(state.stream(), entry.toString(), strings, entry.pairs(), e);
        }
        long eventTime = eventTime(milliseconds);
        for (int i = 0; i < records.size(); i++) {
            output.collect(records.get(i), eventTime);
        }
        state.emitted(milliseconds, sequence);
    }

    /**
     * Returns the milliseconds of an entry ID as event time. They are unsigned in Redis; what is
     * beyond Flink's range is no time and becomes 0, which moves no watermark. A watermark at the
     * end of all time would close every window, and make late whatever other partitions have from
     * then on.
     */
    static long eventTime(long milliseconds) {
        return Math.max(milliseconds, 0);
    }

    /** Behind the source a null fails far from its cause. */
    private void refuseNull(List<T> records) {
        if (records.contains(null)) {
            throw new IllegalStateException(
                    deserializer.getClass().getName()
                            + " collected null; collect nothing of an entry that is to be left"
                            + " out");
        }
    }

    /** What the deserializer makes of one entry; used again for the next one. */
    private static final class Gathered<T> implements Collector<T> {

        final List<T> records = new ArrayList<>();

        @Override
        public void collect(T record) {
            records.add(record);
        }

        @Override
        public void close() {}
    }
}
