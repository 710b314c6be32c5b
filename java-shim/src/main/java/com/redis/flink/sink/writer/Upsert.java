package com.redis.flink.sink.writer;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A write that replaces what a key holds: all of it, or some fields. Several of one key are as good
 * as one.
 */
abstract class Upsert {

    /** About what a string takes besides its characters. */
    private static final int STRING_BYTES = 40;

    final String key;

    private Upsert(String key) {
        this.key = key;
    }

    /** A whole document. */
    static Upsert ofDocument(String key, String document) {
        return new Document(key, document);
    }

    /**
     * Fields of a hash.
     *
     * @param fields not empty, and without null
     */
    static Upsert ofFields(String key, Map<String, String> fields) {
        return new Fields(key, fields);
    }

    /** Adds it to a frame. */
    final void writeTo(Frame frame) {
        frame.begin(0);
        writeFields(frame);
        frame.end();
    }

    abstract void writeFields(Frame frame);

    /** What is written, as {@link RecordForm#value()} gives it. */
    abstract Object value();

    /** Whether Redis can take it. What it cannot must not hide one that it can. */
    abstract boolean isValid();

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
    abstract long merge(Upsert later);

    static long bytes(String text) {
        return STRING_BYTES + (long) text.length();
    }

    private static final class Document extends Upsert {

        private static final JsonFactory JSON = new JsonFactory();

        private String document;

        Document(String key, String document) {
            super(key);
            this.document = document;
        }

        @Override
        void writeFields(Frame frame) {
            frame.field(key, document);
        }

        @Override
        Object value() {
            return document;
        }

        @Override
        boolean isValid() {
            try (JsonParser parser = JSON.createParser(document)) {
                parser.nextToken();
                parser.skipChildren();
                return parser.hasCurrentToken() && parser.nextToken() == null;
            } catch (IOException e) {
                return false;
            }
        }

        @Override
        long keep() {
            return bytes(key) + bytes(document);
        }

        @Override
        long merge(Upsert later) {
            long before = bytes(document);
            document = ((Document) later).document;
            return bytes(document) - before;
        }
    }

    private static final class Fields extends Upsert {

        private Map<String, String> fields;

        Fields(String key, Map<String, String> fields) {
            super(key);
            this.fields = fields;
        }

        @Override
        void writeFields(Frame frame) {
            frame.field(key, "");
            fields.forEach(frame::field);
        }

        @Override
        Object value() {
            return fields;
        }

        @Override
        boolean isValid() {
            return true;
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
         * Only looks at the later fields: a hash that grows one by one must not cost its square.
         */
        @Override
        long merge(Upsert later) {
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
