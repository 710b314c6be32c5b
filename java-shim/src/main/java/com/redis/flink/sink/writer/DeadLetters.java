package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.text.ForeignText;
import com.redis.flink.text.ShownFailure;
import com.redis.flink.text.WholeText;
import com.redis.flink.wire.RecordBatch;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;

import javax.annotation.Nullable;

/**
 * Takes the records that the job's code rejects, or that nothing can be made of: each becomes a
 * dead letter if there is a stream for them, else it fails the job.
 */
final class DeadLetters {

    private static final Logger LOG = LoggerFactory.getLogger(DeadLetters.class);

    private final String sink;
    private final String command;
    private final String product;
    private final String stream;

    /** Null: failures are not traced. */
    @Nullable private final SinkTrace trace;

    private boolean rejectedBefore;

    /**
     * Creates the dead letters of a sink.
     *
     * @param sink its name in messages
     * @param command the command that writes a record
     * @param product what a record becomes, with its article
     */
    DeadLetters(String sink, String command, String product, AbstractRedisSinkConfig config) {
        this.sink = sink;
        this.command = command;
        this.product = product;
        stream = config.getFailedSerializationStreamName();
        trace = SinkTrace.ofFailures(config, command);
    }

    /**
     * Appends a dead letter to a batch, in the place of what the record has begun there. The record
     * and the error are cut, the key is whole: it tells which record it was.
     *
     * @param key null: not known, or the record has none
     * @param cause whatever the job's code has thrown but an {@link Error}, or that the stack has
     *     ended: it is the record that decides how deep a serializer goes
     * @throws IOException there is no stream for dead letters
     * @throws InterruptedException the cause: it says nothing of the record
     */
    void reject(Object record, @Nullable String key, Throwable cause, RecordBatch batch)
            throws IOException, InterruptedException {
        batch.cancel();
        if (cause instanceof InterruptedException) {
            throw (InterruptedException) cause;
        }
        if (trace != null) {
            trace.failed(key, record, cause);
        }
        String error = DeadLetterTexts.error(cause);
        if (stream.isEmpty()) {
            throw new IOException(
                    "sink "
                            + sink
                            + ": a record cannot be made "
                            + product
                            + ": "
                            + ForeignText.shownAtLength(error)
                            + "; correct the serializer or the record, or set"
                            + " failedSerializationStreamName to keep such records apart",
                    ShownFailure.of(cause));
        }
        batch.begin(RecordBatch.DEAD_LETTER);
        batch.field("error", WholeText.escaped(DeadLetterTexts.shorten(error)));
        batch.field("command", command);
        if (key != null) {
            batch.field("key", WholeText.escaped(key));
        }
        batch.field(
                "value",
                WholeText.escaped(DeadLetterTexts.shorten(DeadLetterTexts.record(record))));
        batch.end();
        log(ShownFailure.of(cause));
    }

    private void log(Throwable cause) {
        if (rejectedBefore) {
            LOG.debug("sink {}: a record goes to stream {}", sink, stream, cause);
        } else {
            // Once, as there may be a million of them; the metric numRecordsSendErrors counts.
            LOG.warn(
                    "sink {}: a record cannot be made {} and goes to stream {}; further ones are"
                            + " logged at level DEBUG",
                    sink,
                    product,
                    stream,
                    cause);
            rejectedBefore = true;
        }
    }
}
