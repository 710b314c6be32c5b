package com.redis.flink.sink;

import com.redis.flink.sink.writer.KeyedWriteEncoder;

import org.apache.flink.annotation.PublicEvolving;

/**
 * Writes records as hashes: each becomes one {@code HSET} of its key. A checkpoint completes only
 * when Redis has confirmed every record before it. What is written again after a failure leaves the
 * same in the end. Records with the same key keep their order.
 *
 * @param <T> the type of the records
 */
@PublicEvolving
public final class RedisHashSink<T> extends KeyedSink<T> {

    private static final long serialVersionUID = 1L;

    private final RedisHashSerializer<T> serializer;

    RedisHashSink(
            RedisHashSerializer<T> serializer,
            RedisHashSinkConfig config,
            RedisKeyExtractor<T> keyExtractor) {
        super(config, keyExtractor, "hash");
        this.serializer = serializer;
    }

    @Override
    KeyedWriteEncoder<T> encoder(KeyedSinkConfig config) {
        return KeyedWriteEncoder.hash(serializer, keyExtractor, config);
    }
}
