package com.redis.flink.samples;

import com.redis.flink.sink.RedisHashObjectSerializer;
import com.redis.flink.sink.RedisHashSinkBuilder;
import com.redis.flink.sink.RedisHashSinkConfig;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.util.HashMap;
import java.util.Map;

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
        Map<String, String> options = options(args);
        long records = Long.parseLong(options.getOrDefault("records", "1000"));
        RedisHashSinkConfig config =
                RedisHashSinkConfig.builder()
                        .uri(uri(options))
                        .user(options.get("user"))
                        .password(options.getOrDefault("password", System.getenv("REDIS_PASSWORD")))
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

    /** What a sensor measured: a Flink POJO, and a bean for Jackson. */
    public static final class Reading {

        private int sensor;
        private long number;
        private double celsius;
        private Place place = new Place();

        public Reading() {}

        Reading(int sensor, long number) {
            this.sensor = sensor;
            this.number = number;
            celsius = 20 + sensor / 10.0 + number % 7;
            place.setRoom("room " + sensor % 4);
            place.setFloor(sensor % 3);
        }

        public int getSensor() {
            return sensor;
        }

        public void setSensor(int sensor) {
            this.sensor = sensor;
        }

        public long getNumber() {
            return number;
        }

        public void setNumber(long number) {
            this.number = number;
        }

        public double getCelsius() {
            return celsius;
        }

        public void setCelsius(double celsius) {
            this.celsius = celsius;
        }

        public Place getPlace() {
            return place;
        }

        public void setPlace(Place place) {
            this.place = place;
        }
    }

    /** Where a sensor is. */
    public static final class Place {

        private String room = "";
        private int floor;

        public String getRoom() {
            return room;
        }

        public void setRoom(String room) {
            this.room = room;
        }

        public int getFloor() {
            return floor;
        }

        public void setFloor(int floor) {
            this.floor = floor;
        }
    }

    /** {@code --uri}, or the one that {@code --host} and {@code --port} make. */
    private static String uri(Map<String, String> options) {
        String host = options.getOrDefault("host", "redis");
        String port = options.getOrDefault("port", "6379");
        return options.getOrDefault("uri", "redis://" + host + ":" + port);
    }

    /**
     * {@code --name value ...}; Flink's own tool for this is in another package in each Flink line.
     */
    private static Map<String, String> options(String[] args) {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i + 1 < args.length; i += 2) {
            options.put(args[i].replaceFirst("^--", ""), args[i + 1]);
        }
        return options;
    }
}
