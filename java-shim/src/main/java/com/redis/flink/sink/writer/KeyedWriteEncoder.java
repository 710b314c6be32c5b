package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.RedisHashSerializer;
import com.redis.flink.sink.RedisJsonSerializer;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.text.ForeignText;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.util.Map;

import javax.annotation.Nullable;

/**
 * Makes writes that give a key a new value: a JSON document, or fields of a hash.
 *
 * @param <T> the records' type
 */
@Internal
public final class KeyedWriteEncoder<T> implements RecordEncoder<T> {

    private static final String FILTER =
            "; to write nothing, filter the record out before the sink";

    private final RedisKeyExtractor<T> keyExtractor;
    private final Maker<T> maker;
    private final DeadLetters deadLetters;

    /** Null: writes are not traced. */
    @Nullable private final SinkTrace trace;

    private KeyedWriteEncoder(
            RedisKeyExtractor<T> keyExtractor,
            Maker<T> maker,
            DeadLetters deadLetters,
            @Nullable SinkTrace trace) {
        this.keyExtractor = keyExtractor;
        this.maker = maker;
        this.deadLetters = deadLetters;
        this.trace = trace;
    }

    /** Creates an encoder of JSON documents. */
    public static <T> KeyedWriteEncoder<T> json(
            RedisJsonSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            AbstractRedisSinkConfig config) {
        String command = "JSON.SET";
        return new KeyedWriteEncoder<>(
                keyExtractor,
                (key, record) -> KeyedWrite.ofDocument(key, document(serializer.serialize(record))),
                new DeadLetters("json", command, "a JSON document", config),
                SinkTrace.ofWrites(config, command));
    }

    /** Creates an encoder of hashes. */
    public static <T> KeyedWriteEncoder<T> hash(
            RedisHashSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            AbstractRedisSinkConfig config) {
        String command = "HSET";
        return new KeyedWriteEncoder<>(
                keyExtractor,
                (key, record) -> KeyedWrite.ofFields(key, fields(serializer.serialize(record))),
                new DeadLetters("hash", command, "a hash", config),
                SinkTrace.ofWrites(config, command));
    }

    @Override
    public boolean encode(T record, RecordBatch batch) throws IOException, InterruptedException {
        int before = batch.length();
        String key = null;
        KeyedWrite write;
        try {
            key = key(record);
            write = maker.make(key, record);
            write.writeTo(batch);
        } catch (Exception | StackOverflowError e) {
            // Whatever the job's code throws says something about this one record.
            deadLetters.reject(record, key, e, batch);
            return false;
        }
        if (trace != null) {
            trace.sent(null, key, batch.length() - before, write.value());
        }
        return true;
    }

    /**
     * Makes the write of a record, to be appended later.
     *
     * @param batch gets the dead letter of a record that is rejected
     * @return null: the record was rejected
     * @throws IOException the record was rejected, and there is no stream for dead letters
     * @throws InterruptedException the job's code was interrupted
     */
    @Nullable
    KeyedWrite make(T record, RecordBatch batch) throws IOException, InterruptedException {
        String key = null;
        try {
            key = key(record);
            KeyedWrite write = maker.make(key, record);
            // Now: when it is written it can no longer be told apart.
            write.requireWholeText();
            return write;
        } catch (Exception | StackOverflowError e) {
            deadLetters.reject(record, key, e, batch);
            return null;
        }
    }

    /** Appends a write that {@link #make} has made, or several of one key that became one. */
    void append(KeyedWrite write, RecordBatch batch) {
        int before = batch.length();
        write.writeTo(batch);
        if (trace != null) {
            trace.sent(null, write.key, batch.length() - before, write.value());
        }
    }

    private String key(T record) {
        String key = keyExtractor.extractKey(record);
        if (key == null) {
            throw new IllegalArgumentException(
                    "the key extractor gave null in the place of a key; give each record one, or"
                            + " filter it out before the sink");
        }
        return key;
    }

    private static String document(String document) {
        if (document == null) {
            throw new IllegalArgumentException(
                    "the serializer gave null in the place of a document" + FILTER);
        }
        return document;
    }

    private static Map<String, String> fields(Map<String, String> fields) {
        if (fields == null || fields.isEmpty()) {
            throw new IllegalArgumentException(
                    "the serializer gave "
                            + (fields == null ? "null" : "no fields")
                            + ", and Redis has no hashes without fields"
                            + FILTER);
        }
        for (Map.Entry<String, String> field : fields.entrySet()) {
            if (field.getKey() == null || field.getValue() == null) {
                throw new IllegalArgumentException(
                        (field.getKey() == null
                                        ? "the name of a field is null"
                                        : "the value of field '"
                                                + ForeignText.shown(field.getKey())
                                                + "' is null")
                                + "; Redis has no null, leave the field out or set it to \"\"");
            }
        }
        return fields;
    }

    private interface Maker<T> {
        KeyedWrite make(String key, T record);
    }
}
