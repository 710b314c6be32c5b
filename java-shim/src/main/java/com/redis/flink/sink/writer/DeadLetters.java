package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.text.ForeignText;
import com.redis.flink.text.ShownFailure;
import com.redis.flink.text.WholeText;
import com.redis.flink.wire.RecordBatch;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;

/**
 * What becomes of records that the job's code rejects, or that nothing can be made of: a dead
 * letter if there is a stream for them, else they fail the job.
 */
final class DeadLetters {

    private static final Logger LOG = LoggerFactory.getLogger(DeadLetters.class);

    private final RecordForm<?> form;
    private final String deadLetterStream;
    private final SinkTrace trace;
    private boolean rejectedBefore;

    DeadLetters(RecordForm<?> form, AbstractRedisSinkConfig config, SinkTrace trace) {
        this.form = form;
        this.trace = trace;
        deadLetterStream = config.getFailedSerializationStreamName();
    }

    /**
     * Adds a dead letter for the form's record in work to the frame. The record and the error are
     * cut, the key is whole: it tells which record it was.
     *
     * @param cause whatever the job's code has thrown but an {@link Error}, or that the stack has
     *     ended: it is the record that decides how deep a serializer goes
     * @throws IOException there is no stream for dead letters
     * @throws InterruptedException the cause: it says nothing of the record
     */
    void take(Object record, Throwable cause, RecordBatch frame)
            throws IOException, InterruptedException {
        if (cause instanceof InterruptedException) {
            throw (InterruptedException) cause;
        }
        if (trace.failures()) {
            trace.failed(form, record, cause);
        }
        String error = DeadLetterTexts.error(cause);
        if (deadLetterStream.isEmpty()) {
            throw new IOException(
                    "sink "
                            + form.sink
                            + ": a record cannot be made "
                            + form.product
                            + ": "
                            + ForeignText.shownAtLength(error)
                            + "; correct the serializer or the record, or set"
                            + " failedSerializationStreamName to keep such records apart",
                    ShownFailure.of(cause));
        }
        frame.begin(RecordBatch.DEAD_LETTER);
        frame.field("error", WholeText.escaped(DeadLetterTexts.shorten(error)));
        frame.field("command", form.command);
        if (form.key != null) {
            frame.field("key", WholeText.escaped(form.key));
        }
        frame.field(
                "value",
                WholeText.escaped(DeadLetterTexts.shorten(DeadLetterTexts.record(record))));
        frame.end();
        log(ShownFailure.of(cause));
    }

    private void log(Throwable cause) {
        if (rejectedBefore) {
            LOG.debug("sink {}: a record goes to stream {}", form.sink, deadLetterStream, cause);
        } else {
            // Once, as there may be a million of them; the metric numRecordsSendErrors counts.
            LOG.warn(
                    "sink {}: a record cannot be made {} and goes to stream {}; further ones are"
                            + " logged at level DEBUG",
                    form.sink,
                    form.product,
                    deadLetterStream,
                    cause);
            rejectedBefore = true;
        }
    }
}
