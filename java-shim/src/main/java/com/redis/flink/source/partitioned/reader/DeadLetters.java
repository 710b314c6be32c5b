package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.WriterEngine;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.text.ShownFailure;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;
import org.apache.flink.metrics.Counter;

import java.io.IOException;

/**
 * Where entries go that the deserializer rejects: whole, with the fields {@code error}, {@code
 * stream} and {@code id} behind their own, to the stream of option failedDeserializationStreamName.
 * Without one they fail the job. The error is cut and escaped; what it is about is in the entry.
 *
 * <p>Task thread only. The writer, and with it a connection, comes to be with the first of them.
 */
@Internal
final class DeadLetters implements AutoCloseable {

    /** A batch that has grown to this goes out before its batch is through. */
    private static final int MAX_BATCH_BYTES = 64 * 1024;

    private static final long TICK_NANOS = 1_000_000_000;

    private final RedisSourceConfig config;
    private final WriterEngine.Factory writers;
    private final Counter rejected;
    private final RecordBatch batch = new RecordBatch();

    /** Null until the first dead letter. */
    private WriterEngine writer;

    /** Whether something was written since the last {@link #confirm}. */
    private boolean unconfirmed;

    private long lastTick = System.nanoTime();

    DeadLetters(RedisSourceConfig config, WriterEngine.Factory writers, Counter rejected) {
        this.config = config;
        this.writers = writers;
        this.rejected = rejected;
    }

    /**
     * Takes an entry that cannot be deserialized.
     *
     * @param strings the entry's fields as they came, so many pairs
     * @throws IOException there is no dead-letter stream, or it cannot be written to
     */
    void reject(String stream, String id, byte[] strings, int pairs, Throwable failure)
            throws IOException, InterruptedException {
        rejected.inc();
        if (config.getFailedDeserializationStreamName().isEmpty()) {
            throw new IOException(
                    "source "
                            + stream
                            + ": entry "
                            + id
                            + " cannot be deserialized: "
                            + ShownFailure.text(failure)
                            + ". Set option failedDeserializationStreamName to a stream that shall"
                            + " take such entries, and the job goes on.",
                    ShownFailure.of(failure));
        }
        batch.begin(RecordBatch.DEAD_LETTER);
        batch.raw(strings, pairs);
        batch.field("error", ShownFailure.text(failure));
        batch.field("stream", stream);
        batch.field("id", id);
        batch.end();
        if (batch.length() >= MAX_BATCH_BYTES) {
            send();
        }
    }

    /**
     * Does what the writer's engine needs of Java, once a second while something is not confirmed:
     * its connects get their credentials without another dead letter. Cheap otherwise.
     */
    void tick() throws IOException {
        if (unconfirmed && System.nanoTime() - lastTick > TICK_NANOS) {
            lastTick = System.nanoTime();
            writer.tick();
        }
    }

    /** Sends what was gathered, without waiting for Redis to confirm it. */
    void send() throws IOException, InterruptedException {
        if (batch.records() > 0) {
            if (writer == null) {
                writer = writers.open(config.toDeadLetterSettings().toString());
            }
            unconfirmed = true;
            writer.write(batch.bytes(), batch.length());
            batch.clear();
        }
    }

    /** Waits until Redis has every dead letter: only then may the entries be acknowledged. */
    void confirm() throws IOException, InterruptedException {
        send();
        if (unconfirmed) {
            writer.flush();
            unconfirmed = false;
        }
    }

    @Override
    public void close() {
        if (writer != null) {
            writer.close();
        }
    }
}
