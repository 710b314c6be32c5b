package com.redis.flink.sink.writer;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

/** A message of a topic: an entry of the stream of its key's partition. */
final class MessageForm<T> extends RecordForm<T> {

    private final RedisSerializer<T> serializer;

    /** Null: the key is the message's own. */
    private final RedisKeyExtractor<T> keyExtractor;

    private final Partitioner partitioner;

    private RedisMessage message;
    private int partition;

    MessageForm(
            RedisSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            RedisSinkConfig config,
            int subtask) {
        super(config.getTopicName(), "XADD", "a message");
        this.serializer = serializer;
        this.keyExtractor = keyExtractor;
        partitioner = new Partitioner(config.getNumPartitions(), subtask);
    }

    @Override
    void put(T record, RecordBatch frame) {
        key = null;
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
        partition = partitioner.partition(key);
        frame.begin(partition);
        message.writeTo(frame);
        frame.end();
    }

    @Override
    String stream() {
        return sink + ":" + partition;
    }

    @Override
    Object value() {
        return message.getData();
    }
}
