package com.redis.flink.sink.writer;

import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * Makes of records what a sink writes, and appends it to a batch. A record that the job's code
 * rejects, or whose form Redis cannot hold, becomes a dead letter if there is a stream for them.
 *
 * <p>Belongs to one thread. Keeps nothing of a record.
 *
 * @param <T> the records' type
 */
@Internal
public interface RecordEncoder<T> {

    /**
     * Appends a record to a batch, whole or not at all.
     *
     * @return whether in the sink's form; if not, as a dead letter
     * @throws IOException the record was rejected, and there is no stream for dead letters
     * @throws InterruptedException the job's code was interrupted
     */
    boolean encode(T record, RecordBatch batch) throws IOException, InterruptedException;
}
