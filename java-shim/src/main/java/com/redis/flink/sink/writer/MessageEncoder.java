package com.redis.flink.sink.writer;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

import javax.annotation.Nullable;

/**
 * Makes messages of a topic: each becomes an entry of the stream of its key's partition.
 *
 * @param <T> the records' type
 */
@Internal
public final class MessageEncoder<T> implements RecordEncoder<T> {

    private static final String COMMAND = "XADD";

    private final RedisSerializer<T> serializer;

    /** Null: the key is the message's own. */
    @Nullable private final RedisKeyExtractor<T> keyExtractor;

    private final String topic;
    private final Partitioner partitioner;
    private final DeadLetters deadLetters;

    /** Null: writes are not traced. */
    @Nullable private final SinkTrace trace;

    /**
     * Creates an encoder.
     *
     * @param keyExtractor null: the key is the message's own
     * @param subtask the writer's number among the parallel ones
     */
    public MessageEncoder(
            RedisSerializer<T> serializer,
            @Nullable RedisKeyExtractor<T> keyExtractor,
            RedisSinkConfig config,
            int subtask) {
        this.serializer = serializer;
        this.keyExtractor = keyExtractor;
        topic = config.getTopicName();
        partitioner = new Partitioner(config.getNumPartitions(), subtask);
        deadLetters = new DeadLetters(topic, COMMAND, "a message", config);
        trace = SinkTrace.ofWrites(config, COMMAND);
    }

    @Override
    public boolean encode(T record, RecordBatch batch) throws IOException, InterruptedException {
        int before = batch.length();
        String key = null;
        RedisMessage message;
        int partition;
        try {
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
            batch.begin(partition);
            message.writeTo(batch);
            batch.end();
        } catch (Exception | StackOverflowError e) {
            // Whatever the job's code throws says something about this one record.
            deadLetters.reject(record, key, e, batch);
            return false;
        }
        if (trace != null) {
            trace.sent(topic + ":" + partition, key, batch.length() - before, message.getData());
        }
        return true;
    }
}
