package com.redis.flink.sink.writer;

import com.redis.flink.wire.RecordBatch;

/**
 * What a sink makes of its records: a message of a topic, a JSON document, a hash. Asks the job's
 * code, and remembers of the record in work what dead letters and traces tell.
 *
 * <p>Belongs to one thread.
 *
 * @param <T> the records' type
 */
abstract class RecordForm<T> {

    /** The sink's name in messages. */
    final String sink;

    /** The command that writes a record. */
    final String command;

    /** What a record becomes, with its article. */
    final String product;

    /** The key of the record in work; null: not known, or it has none. */
    String key;

    RecordForm(String sink, String command, String product) {
        this.sink = sink;
        this.command = command;
        this.product = product;
    }

    /**
     * Adds a record to the frame, whole.
     *
     * @throws Exception whatever the job's code throws: this one record cannot be written. It may
     *     have begun in the frame.
     */
    abstract void put(T record, RecordBatch frame) throws Exception;

    /** The stream that the last record went to; null: to none, but to its key. */
    abstract String stream();

    /** What was written of the last record: its fields as a map, or a text. */
    abstract Object value();
}
