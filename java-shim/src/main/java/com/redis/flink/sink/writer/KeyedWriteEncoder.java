package com.redis.flink.sink.writer;

import com.redis.flink.sink.RedisHashSerializer;
import com.redis.flink.sink.RedisJsonSerializer;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.text.ForeignText;
import com.redis.flink.wire.RecordBatch;

import java.util.Map;

/**
 * A key that gets a new value: a JSON document, or fields of a hash.
 *
 * @param <T> the records' type
 */
final class KeyedWriteEncoder<T> extends RecordForm<T> {

    private static final String FILTER =
            "; to write nothing, filter the record out before the sink";

    private final RedisKeyExtractor<T> keyExtractor;
    private final Maker<T> maker;

    private KeyedWrite last;

    private KeyedWriteEncoder(
            String sink,
            String command,
            String product,
            RedisKeyExtractor<T> keyExtractor,
            Maker<T> maker) {
        super(sink, command, product);
        this.keyExtractor = keyExtractor;
        this.maker = maker;
    }

    static <T> KeyedWriteEncoder<T> json(
            RedisJsonSerializer<T> serializer, RedisKeyExtractor<T> keyExtractor) {
        return new KeyedWriteEncoder<>(
                "json",
                "JSON.SET",
                "a JSON document",
                keyExtractor,
                (key, record) ->
                        KeyedWrite.ofDocument(key, document(serializer.serialize(record))));
    }

    static <T> KeyedWriteEncoder<T> hash(
            RedisHashSerializer<T> serializer, RedisKeyExtractor<T> keyExtractor) {
        return new KeyedWriteEncoder<>(
                "hash",
                "HSET",
                "a hash",
                keyExtractor,
                (key, record) -> KeyedWrite.ofFields(key, fields(serializer.serialize(record))));
    }

    /** What is to be written for a record. */
    KeyedWrite make(T record) {
        key = null;
        key = keyExtractor.extractKey(record);
        if (key == null) {
            throw new IllegalArgumentException(
                    "the key extractor gave null in the place of a key; give each record one, or"
                            + " filter it out before the sink");
        }
        last = maker.make(key, record);
        return last;
    }

    @Override
    void put(T record, RecordBatch frame) {
        make(record).writeTo(frame);
    }

    @Override
    String stream() {
        return null;
    }

    @Override
    Object value() {
        return last.value();
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
