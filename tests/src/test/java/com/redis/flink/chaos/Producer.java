package com.redis.flink.chaos;

import com.redis.flink.testing.RedisServer;

import redis.clients.jedis.Pipeline;
import redis.clients.jedis.Response;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.params.XAddParams;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes numbers in bursts: for each key 0, 1, 2 and on, and in between records that are bad. Each
 * is in Redis exactly once, whatever happens to Redis meanwhile: the entry IDs are the producer's
 * own, so a write whose reply was lost can be made again, and is refused if it is there.
 */
final class Producer implements AutoCloseable {

    private static final int KEYS = 40;
    private static final int BURST = 300;
    private static final int PAUSE_MILLIS = 200;
    private static final double BAD = 0.02;
    private static final long LONG_PAUSE_MILLIS = 1500;
    private static final double LONG_PAUSE = 0.01;
    private static final String THERE_ALREADY = "equal or smaller";
    private static final Duration JOIN = Duration.ofSeconds(60);

    private final JedisConnection connection;
    private final String topic;
    private final int partitions;
    private final Random random;
    private final Thread thread = new Thread(this::produce, "producer");

    // Written by the producer's thread, read by others after it has ended.
    private final Map<String, Long> next = new HashMap<>();
    private final StreamEntryID[] lastIds;
    private long bad;
    private Throwable failure;

    private volatile boolean stopping;
    private volatile long written;

    Producer(RedisServer redis, String topic, int partitions, long seed) {
        connection = new JedisConnection(redis::jedis);
        this.topic = topic;
        this.partitions = partitions;
        random = new Random(seed);
        lastIds = new StreamEntryID[partitions];
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Ends production, once the last burst is in Redis. */
    void stop() throws InterruptedException {
        stopping = true;
        LockSupport.unpark(thread);
        thread.join(JOIN.toMillis());
        if (thread.isAlive() || failure != null) {
            throw new IllegalStateException("the producer failed", failure);
        }
    }

    /** How many there are of each key, so the highest number and one. After {@link #stop}. */
    Map<String, Long> numbers() {
        return next;
    }

    /** Bad records: their numbers are {@code bad-0}, {@code bad-1} and on. After {@link #stop}. */
    long bad() {
        return bad;
    }

    long written() {
        return written;
    }

    @Override
    public void close() {
        stopping = true;
        thread.interrupt();
    }

    private void produce() {
        try {
            while (!stopping) {
                write(burst());
                LockSupport.parkNanos(pause().toNanos());
            }
        } catch (RuntimeException e) {
            failure = e;
        } finally {
            connection.disconnect();
        }
    }

    private Duration pause() {
        return Duration.ofMillis(
                random.nextDouble() < LONG_PAUSE
                        ? LONG_PAUSE_MILLIS
                        : random.nextInt(PAUSE_MILLIS));
    }

    private List<Entry> burst() {
        List<Entry> burst = new ArrayList<>();
        for (int i = random.nextInt(BURST); i >= 0; i--) {
            String key = "key" + random.nextInt(KEYS);
            String number;
            if (random.nextDouble() < BAD) {
                number = "bad-" + bad++;
            } else {
                number = Long.toString(next.merge(key, 1L, Long::sum) - 1);
            }
            int partition = (int) (Math.abs((long) key.hashCode()) % partitions);
            burst.add(
                    new Entry(partition, nextId(partition), Map.of("key", key, "number", number)));
        }
        return burst;
    }

    private StreamEntryID nextId(int partition) {
        StreamEntryID last = lastIds[partition];
        long now = System.currentTimeMillis();
        lastIds[partition] =
                last == null || last.getTime() < now
                        ? new StreamEntryID(now, 0)
                        : new StreamEntryID(last.getTime(), last.getSequence() + 1);
        return lastIds[partition];
    }

    private void write(List<Entry> burst) {
        while (!Thread.currentThread().isInterrupted()) {
            try {
                tryWrite(burst);
                written += burst.size();
                return;
            } catch (JedisException e) {
                connection.disconnect();
                LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
            }
        }
    }

    private void tryWrite(List<Entry> burst) {
        List<Response<StreamEntryID>> replies = new ArrayList<>();
        Pipeline pipeline = connection.get().pipelined();
        for (Entry entry : burst) {
            XAddParams id = XAddParams.xAddParams().id(entry.id);
            replies.add(pipeline.xadd(topic + ":" + entry.partition, id, entry.fields));
        }
        pipeline.sync();
        for (Response<StreamEntryID> reply : replies) {
            try {
                reply.get();
            } catch (JedisDataException e) {
                if (!e.getMessage().contains(THERE_ALREADY)) {
                    throw e;
                }
            }
        }
    }

    private static final class Entry {

        private final int partition;
        private final StreamEntryID id;
        private final Map<String, String> fields;

        Entry(int partition, StreamEntryID id, Map<String, String> fields) {
            this.partition = partition;
            this.id = id;
            this.fields = fields;
        }
    }
}
