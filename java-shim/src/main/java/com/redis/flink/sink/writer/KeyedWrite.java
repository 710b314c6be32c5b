package com.redis.flink.sink.writer;

import com.redis.flink.text.JsonText;
import com.redis.flink.text.WholeText;
import com.redis.flink.wire.RecordBatch;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A write that replaces what a key holds: all of it, or some fields. Several of one key are as good
 * as one.
 */
abstract class KeyedWrite {

    /** About what a string takes besides its characters. */
    private static final int STRING_BYTES = 40;

    /**
     * No text of so many characters exceeds the lowest {@code proto-max-bulk-len} that a server can
     * have, 1 MiB: a character takes 3 bytes at most.
     */
    private static final int CERTAIN_CHARS = 1024 * 1024 / 3;

    final String key;

    /** Null: not looked at yet. Few are: only where a key comes twice. */
    private Boolean certain;

    private KeyedWrite(String key) {
        this.key = key;
    }

    /** Returns a whole document. */
    static KeyedWrite ofDocument(String key, String document) {
        return new Document(key, document);
    }

    /**
     * Fields of a hash.
     *
     * @param fields not empty, and without null
     */
    static KeyedWrite ofFields(String key, Map<String, String> fields) {
        return new Fields(key, fields);
    }

    /** Adds it to a batch. */
    final void writeTo(RecordBatch batch) {
        batch.begin(0);
        writeFields(batch);
        batch.end();
    }

    abstract void writeFields(RecordBatch batch);

    /** Returns what is written: fields as a map, or a text. */
    abstract Object value();

    /**
     * Checks that all of its texts can be written.
     *
     * @throws IllegalArgumentException a text has half of a character
     */
    abstract void requireWholeText();

    /**
     * Returns whether Redis is certain to take it. What is not certain must not replace, or become
     * one with, what Redis may take while it rejects this one. What is replaced or merged stays so.
     */
    final boolean isCertain() {
        if (certain == null) {
            certain = looksCertain();
        }
        return certain;
    }

    abstract boolean looksCertain();

    /**
     * Becomes independent of the job's objects, which may be used for other records.
     *
     * @return about how many bytes it holds
     */
    abstract long keep();

    /**
     * Takes in a later one of the same key.
     *
     * @return about how many bytes more it holds from now on
     */
    abstract long merge(KeyedWrite later);

    static long bytes(String text) {
        return STRING_BYTES + (long) text.length();
    }

    private static final class Document extends KeyedWrite {

        private String document;

        Document(String key, String document) {
            super(key);
            this.document = document;
        }

        @Override
        void writeFields(RecordBatch batch) {
            batch.field(key, document);
        }

        @Override
        Object value() {
            return document;
        }

        @Override
        void requireWholeText() {
            WholeText.require(key);
            WholeText.require(document);
        }

        @Override
        boolean looksCertain() {
            return document.length() <= CERTAIN_CHARS && JsonText.isCertain(document);
        }

        @Override
        long keep() {
            return bytes(key) + bytes(document);
        }

        @Override
        long merge(KeyedWrite later) {
            long before = bytes(document);
            document = ((Document) later).document;
            return bytes(document) - before;
        }
    }

    private static final class Fields extends KeyedWrite {

        private Map<String, String> fields;

        Fields(String key, Map<String, String> fields) {
            super(key);
            this.fields = fields;
        }

        @Override
        void writeFields(RecordBatch batch) {
            batch.field(key, "");
            fields.forEach(batch::field);
        }

        @Override
        Object value() {
            return fields;
        }

        @Override
        void requireWholeText() {
            WholeText.require(key);
            fields.forEach(
                    (name, value) -> {
                        WholeText.require(name);
                        WholeText.require(value);
                    });
        }

        @Override
        boolean looksCertain() {
            return fields.entrySet().stream()
                    .allMatch(
                            field ->
                                    field.getKey().length() <= CERTAIN_CHARS
                                            && field.getValue().length() <= CERTAIN_CHARS);
        }

        @Override
        long keep() {
            fields = new LinkedHashMap<>(fields);
            long bytes = bytes(key);
            for (Map.Entry<String, String> field : fields.entrySet()) {
                bytes += bytes(field.getKey()) + bytes(field.getValue());
            }
            return bytes;
        }

        /**
         * Looks only at the later fields: a hash that grows one by one must not cost its square.
         */
        @Override
        long merge(KeyedWrite later) {
            long more = 0;
            for (Map.Entry<String, String> field : ((Fields) later).fields.entrySet()) {
                String before = fields.put(field.getKey(), field.getValue());
                more += bytes(field.getValue());
                more += before == null ? bytes(field.getKey()) : -bytes(before);
            }
            return more;
        }
    }
}
