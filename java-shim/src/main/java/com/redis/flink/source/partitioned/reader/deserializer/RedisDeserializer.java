package com.redis.flink.source.partitioned.reader.deserializer;

import com.redis.flink.RedisMessage;

import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.util.Collector;

import java.io.Serializable;

/**
 * Makes records out of a topic's messages. Travels with the job; each reader has its own copy, used
 * by one thread.
 *
 * @param <T> the records
 */
@PublicEvolving
public interface RedisDeserializer<T> extends Serializable, ResultTypeQueryable<T> {

    /**
     * Called once in each reader, before the first message; does nothing by default.
     *
     * @param context gives metrics and the job's class loader
     * @throws Exception fails the job
     */
    default void open(DeserializationSchema.InitializationContext context) throws Exception {}

    /**
     * Makes none, one or several records of a message. Their event time is that of the message's
     * entry ID.
     *
     * @param message with its entry ID and stream; may be kept
     * @param out takes the records, which must not be null; they are emitted when this method
     *     returns
     * @throws Exception the message is rejected and nothing of it emitted: it goes to the stream of
     *     option failedDeserializationStreamName, or fails the job when there is none. The same
     *     when a record is null, and when the stack ends; any other {@link Error} fails the job
     */
    void deserialize(RedisMessage message, Collector<T> out) throws Exception;
}
