package com.redis.flink.samples.demo;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.params.XAddParams;

import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes the messages of the demo in its own thread, with Jedis: what our connector reads was not
 * written by our connector. Each of the keys counts its messages in the field {@code data}.
 */
final class Producer implements Runnable {

    static final int KEYS = 1000;

    private static final int BATCH = 500;

    private final PrivateRedis redis;
    private final String topic;
    private final int partitions;
    private final int messages;
    private final int rate;

    /** Written by the producer's thread, read by the one that shows the progress. */
    private volatile int produced;

    private volatile RuntimeException failure;

    /**
     * @param rate messages a second; 0: as fast as it goes
     */
    Producer(PrivateRedis redis, String topic, int partitions, int messages, int rate) {
        this.redis = redis;
        this.topic = topic;
        this.partitions = partitions;
        this.messages = messages;
        this.rate = rate;
    }

    /** How many messages the server has confirmed. */
    int produced() {
        if (failure != null) {
            throw failure;
        }
        return produced;
    }

    @Override
    public void run() {
        try (Jedis jedis = redis.connect()) {
            long start = System.nanoTime();
            for (int next = 0; next < messages; next = produced) {
                int end = Math.min(messages, next + BATCH);
                Pipeline pipeline = jedis.pipelined();
                for (int i = next; i < end; i++) {
                    add(pipeline, "key-" + i % KEYS, i / KEYS);
                }
                pipeline.sync();
                produced = end;
                if (rate > 0) {
                    long due = start + TimeUnit.SECONDS.toNanos(1) * end / rate;
                    LockSupport.parkNanos(due - System.nanoTime());
                }
            }
        } catch (RuntimeException e) {
            failure = e;
        }
    }

    private void add(Pipeline pipeline, String key, int number) {
        long partition = Math.abs((long) key.hashCode()) % partitions;
        pipeline.xadd(
                topic + ":" + partition,
                XAddParams.xAddParams(),
                Map.of("key", key, "data", Integer.toString(number)));
    }
}
