package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;

/**
 * When a batch goes to the engine: by its records, its bytes, and the time its first record has
 * waited.
 */
@Internal
public final class FlushPolicy {

    /** No batch gets longer than this and one record, whatever was configured. */
    static final int MAX_BYTES = 256 * 1024;

    /**
     * "At once" still gives records that come together one crossing into the engine: what it sends
     * on in one go anyway.
     */
    static final int AT_ONCE_RECORDS = 1000;

    static final int AT_ONCE_BYTES = 32 * 1024;

    private static final long NO_LIMIT = -1;

    private final int maxRecords;
    private final int maxBytes;
    private final long maxDelayMillis;
    private final boolean synchronous;

    private FlushPolicy(int maxRecords, int maxBytes, long maxDelayMillis, boolean synchronous) {
        this.maxRecords = maxRecords;
        this.maxBytes = maxBytes;
        this.maxDelayMillis = maxDelayMillis;
        this.synchronous = synchronous;
    }

    public static FlushPolicy of(AbstractRedisSinkConfig config) {
        int records = config.getNumMessagesToBuffer();
        long interval = config.getFlushIntervalMillis();
        if (records == 0 && interval == 0) {
            // Flink fires a timer in the millisecond after the one it is set for.
            return new FlushPolicy(AT_ONCE_RECORDS, AT_ONCE_BYTES, 0, false);
        }
        return new FlushPolicy(
                records == 0 ? Integer.MAX_VALUE : records,
                MAX_BYTES,
                interval == 0 ? NO_LIMIT : interval,
                records == 1);
    }

    /**
     * The same for a writer that stages. Nobody waits for what it has before the checkpoint, and
     * what comes together is packed together: "at once" means full batches.
     */
    public static FlushPolicy ofStaging(AbstractRedisSinkConfig config) {
        if (config.getNumMessagesToBuffer() == 0 && config.getFlushIntervalMillis() == 0) {
            return new FlushPolicy(Integer.MAX_VALUE, MAX_BYTES, NO_LIMIT, false);
        }
        return of(config);
    }

    /** Returns whether a batch must go now. */
    boolean isFull(RecordBatch batch) {
        return batch.records() >= maxRecords || batch.length() >= maxBytes;
    }

    /** Returns whether there is a time after which a batch must go. */
    boolean hasDelay() {
        return maxDelayMillis != NO_LIMIT;
    }

    /** Returns when a batch must go whose first record came at {@code now}. */
    long dueAt(long now) {
        // A sum beyond the end of time would be in the past.
        return now + maxDelayMillis < now ? Long.MAX_VALUE : now + maxDelayMillis;
    }

    /** Returns whether the writer waits for Redis' replies whenever a batch has gone. */
    boolean isSynchronous() {
        return synchronous;
    }
}
