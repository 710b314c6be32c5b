package com.redis.flink.samples;

import com.redis.flink.sink.RedisHashObjectSerializer;
import com.redis.flink.sink.RedisHashSinkBuilder;
import com.redis.flink.sink.RedisHashSinkConfig;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Writes the latest reading of each of 20 sensors as a hash, under the key {@code sensor:0} to
 * {@code sensor:19}, where it stays for an hour.
 *
 * <pre>
 * export REDIS_PASSWORD=secret
 * flink run hash-sink-all.jar --host redis --port 6379 --user default --records 1000
 * redis-cli HGETALL sensor:7
 * </pre>
 *
 * <p>Other servers than one plain one by {@code --uri}, for example {@code rediss://redis:6380} or
 * {@code redis-sentinel://sentinel:26379#mymaster}, in the place of host and port.
 */
public final class HashSinkJob {

    private static final int SENSORS = 20;

    private HashSinkJob() {}

    public static void main(String[] args) throws Exception {
        SampleOptions options =
                SampleOptions.parse(args, "uri", "host", "port", "user", "password", "records");
        long records = options.number("records", 1000, 1, Long.MAX_VALUE);
        RedisHashSinkConfig config =
                RedisHashSinkConfig.builder()
                        .uri(options.uri())
                        .user(options.user())
                        .password(options.password())
                        .ttlSeconds(3600)
                        .build();

        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.enableCheckpointing(1000);
        env.fromSequence(0, records - 1)
                .map(number -> new Reading((int) (number % SENSORS), number))
                .returns(Types.POJO(Reading.class))
                // Each sensor's readings stay in their order when they are of one writer.
                .keyBy(Reading::getSensor, Types.INT)
                .sinkTo(
                        new RedisHashSinkBuilder<>(new RedisHashObjectSerializer<Reading>(), config)
                                .keyExtractor(reading -> "sensor:" + reading.getSensor())
                                .build());
        env.execute("Readings to Redis hashes");
    }
}
