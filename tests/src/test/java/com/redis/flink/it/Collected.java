package com.redis.flink.it;

import com.redis.flink.testing.Await;

import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** What came to the end of a stream, in the order in which it came there. */
public final class Collected<T> implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Shared<List<T>> records = new Shared<>(new CopyOnWriteArrayList<>());

    /** Ends the stream here. */
    public void from(DataStream<T> stream) {
        Shared<List<T>> to = records;
        stream.map(
                        record -> {
                            to.get().add(record);
                            return record;
                        })
                .returns(stream.getType())
                .sinkTo(new DiscardingSink<>());
    }

    public List<T> records() {
        return List.copyOf(records.get());
    }

    /** Waits until so many have come. */
    public List<T> await(int count) {
        return Await.value(count + " records", LIMIT, this::records, list -> list.size() >= count);
    }

    @Override
    public void close() {
        records.close();
    }
}
