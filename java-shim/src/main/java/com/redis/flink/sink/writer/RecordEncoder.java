package com.redis.flink.sink.writer;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;

import org.apache.flink.annotation.Internal;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;

/**
 * Puts records into a frame: asks the job's key extractor and serializer for the message, and the
 * partitioner where it goes. A record that they reject, or whose message Redis cannot hold, becomes
 * a dead letter if there is a stream for them.
 *
 * @param <T> the records' type
 */
@Internal
public final class RecordEncoder<T> {

    private static final Logger LOG = LoggerFactory.getLogger(RecordEncoder.class);

    /** How many characters of a rejected record, and of its error, a dead letter holds. */
    private static final int MAX_DEAD_LETTER_CHARS = 16 * 1024;

    private final RedisSerializer<T> serializer;
    private final RedisKeyExtractor<T> keyExtractor;
    private final Partitioner partitioner;
    private final String topic;
    private final String deadLetterStream;
    private boolean rejectedBefore;

    /**
     * @param keyExtractor null: the key is the message's own
     * @param subtask the writer's number among the parallel ones
     */
    public RecordEncoder(
            RedisSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            RedisSinkConfig config,
            int subtask) {
        this.serializer = serializer;
        this.keyExtractor = keyExtractor;
        partitioner = new Partitioner(config.getNumPartitions(), subtask);
        topic = config.getTopicName();
        deadLetterStream = config.getFailedSerializationStreamName();
    }

    /**
     * Adds a record to the frame.
     *
     * @return whether as a message; if not, as a dead letter
     * @throws IOException the record was rejected, and there is no stream for dead letters
     */
    boolean encode(T record, Frame frame) throws IOException {
        String key = null;
        try {
            RedisMessage message;
            if (keyExtractor == null) {
                message = serializer.Serialize(record);
            } else {
                key = keyExtractor.extractKey(record);
                message = serializer.Serialize(record, key);
            }
            if (message == null) {
                throw new IllegalArgumentException(
                        "the serializer gave null in the place of a message; to write nothing,"
                                + " filter the record out before the sink");
            }
            key = message.getKey();
            frame.begin(partitioner.partition(key));
            message.writeTo(frame);
            frame.end();
            return true;
        } catch (Exception e) {
            // Whatever the job's code throws says something about this one record.
            frame.cancel();
            reject(record, key, e, frame);
            return false;
        }
    }

    private void reject(T record, String key, Exception cause, Frame frame) throws IOException {
        String error = describe(cause);
        if (deadLetterStream.isEmpty()) {
            throw new IOException(
                    "sink "
                            + topic
                            + ": a record cannot be made a message: "
                            + error
                            + "; correct the serializer or the record, or set"
                            + " failedSerializationStreamName to keep such records apart",
                    cause);
        }
        frame.begin(Frame.DEAD_LETTER);
        frame.field("error", shorten(error));
        frame.field("command", "XADD");
        if (key != null) {
            frame.field("key", key);
        }
        frame.field("value", shorten(text(record)));
        frame.end();
        if (rejectedBefore) {
            LOG.debug("sink {}: a record goes to stream {}", topic, deadLetterStream, cause);
        } else {
            // Once, as there may be a million of them; the metric numRecordsSendErrors counts.
            LOG.warn(
                    "sink {}: a record cannot be made a message and goes to stream {}; further ones"
                            + " are logged at level DEBUG",
                    topic,
                    deadLetterStream,
                    cause);
            rejectedBefore = true;
        }
    }

    private static String describe(Exception e) {
        return e.getMessage() == null || e.getMessage().isEmpty()
                ? e.getClass().getName()
                : e.getClass().getSimpleName() + ": " + e.getMessage();
    }

    private static String text(Object record) {
        try {
            return String.valueOf(record);
        } catch (RuntimeException e) {
            return "(its toString() failed: " + describe(e) + ")";
        }
    }

    private static String shorten(String text) {
        if (text == null) {
            return "null";
        }
        if (text.length() <= MAX_DEAD_LETTER_CHARS) {
            return text;
        }
        // Not between the two halves of a character.
        int end =
                Character.isHighSurrogate(text.charAt(MAX_DEAD_LETTER_CHARS - 1))
                        ? MAX_DEAD_LETTER_CHARS - 1
                        : MAX_DEAD_LETTER_CHARS;
        return text.substring(0, end) + "… (" + text.length() + " characters)";
    }
}
