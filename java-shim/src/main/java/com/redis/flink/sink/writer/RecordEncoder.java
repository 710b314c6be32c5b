package com.redis.flink.sink.writer;

import com.redis.flink.sink.AbstractRedisSinkConfig;
import com.redis.flink.sink.RedisKeyExtractor;
import com.redis.flink.sink.RedisSerializer;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.wire.RecordBatch;

import org.apache.flink.annotation.Internal;

import java.io.IOException;

/**
 * Puts records into a frame, in the form of the sink. A record that the job's code rejects, or
 * whose form Redis cannot hold, becomes a dead letter if there is a stream for them.
 *
 * @param <T> the records' type
 */
@Internal
public final class RecordEncoder<T> {

    private final RecordForm<T> form;
    private final DeadLetters rejections;
    private final SinkTrace trace;
    private final boolean tracesWrites;

    /**
     * For messages of a topic.
     *
     * @param keyExtractor null: the key is the message's own
     * @param subtask the writer's number among the parallel ones
     */
    public RecordEncoder(
            RedisSerializer<T> serializer,
            RedisKeyExtractor<T> keyExtractor,
            RedisSinkConfig config,
            int subtask) {
        this(new MessageForm<>(serializer, keyExtractor, config, subtask), config);
    }

    RecordEncoder(RecordForm<T> form, AbstractRedisSinkConfig config) {
        this.form = form;
        trace = SinkTrace.of(config);
        tracesWrites = trace.writes();
        rejections = new DeadLetters(form, config, trace);
    }

    /**
     * Adds a record to the frame.
     *
     * @return whether in the sink's form; if not, as a dead letter
     * @throws IOException the record was rejected, and there is no stream for dead letters
     * @throws InterruptedException the job's code was interrupted
     */
    boolean encode(T record, RecordBatch frame) throws IOException, InterruptedException {
        int before = frame.length();
        try {
            form.put(record, frame);
        } catch (Exception | StackOverflowError e) {
            // Whatever the job's code throws says something about this one record.
            frame.cancel();
            rejections.take(record, e, frame);
            return false;
        }
        if (tracesWrites) {
            trace.sent(form, frame.length() - before);
        }
        return true;
    }
}
