package com.redis.flink.samples.demo;

import com.redis.flink.samples.PartitionedStreamJob;
import com.redis.flink.samples.SampleOptions;

import redis.clients.jedis.Jedis;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * What {@code ./dev demo} runs: the sample job {@link PartitionedStreamJob} between two topics of a
 * Redis of our own, while every message is counted. Ends with 0 only when none was lost, duplicated
 * or out of order, and nothing stays unacknowledged.
 */
public final class Demo {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration STALL_TIMEOUT = Duration.ofSeconds(60);
    private static final Duration CHECKPOINT_TIMEOUT = Duration.ofSeconds(30);

    private final PrivateRedis redis;
    private final EmbeddedFlink flink;
    private final Topics topics;
    private final Jedis jedis;
    private final int messages;
    private final int rate;
    private final Progress progress;

    private Demo(PrivateRedis redis, EmbeddedFlink flink, Jedis jedis, int messages, int rate) {
        this.redis = redis;
        this.flink = flink;
        this.jedis = jedis;
        this.messages = messages;
        this.rate = rate;
        topics =
                new Topics(
                        jedis,
                        PartitionedStreamJob.TOPIC,
                        PartitionedStreamJob.GROUP,
                        PartitionedStreamJob.OUTPUT,
                        PartitionedStreamJob.PARTITIONS);
        progress = new Progress(Boolean.getBoolean("demo.tty"));
    }

    public static void main(String[] args) {
        int messages = 0;
        int rate = 0;
        try {
            SampleOptions options = SampleOptions.parse(args, "messages", "rate");
            messages = (int) options.number("messages", 200_000, 1, Integer.MAX_VALUE);
            rate = (int) options.number("rate", 10_000, 0, Integer.MAX_VALUE);
        } catch (IllegalArgumentException e) {
            System.err.println("demo: " + e.getMessage());
            System.exit(2);
        }
        int status = 1;
        try {
            status = start(messages, rate);
        } catch (Exception e) {
            System.out.println();
            System.out.println("The demo failed: " + chain(e));
            System.out.println("Flink's log: " + System.getProperty("log.file"));
        }
        System.exit(status);
    }

    private static int start(int messages, int rate) throws Exception {
        try (PrivateRedis redis = PrivateRedis.start();
                Jedis jedis = redis.connect()) {
            System.out.printf("Redis      %s:%d (private)%n", PrivateRedis.HOST, redis.port());
            EmbeddedFlink flink = EmbeddedFlink.submit(redis);
            System.out.printf("Flink      %s%n", flink.address());
            System.out.printf("Log        %s%n%n", System.getProperty("log.file"));
            CountCheck check = new Demo(redis, flink, jedis, messages, rate).run();
            System.out.println();
            System.out.print(check.table());
            System.out.println();
            System.out.println(
                    check.good() ? "Every message arrived once and in order." : "NOT GOOD.");
            return check.good() ? 0 : 1;
        }
    }

    private CountCheck run() throws Exception {
        awaitJob();
        Producer producer =
                new Producer(
                        redis,
                        PartitionedStreamJob.TOPIC,
                        PartitionedStreamJob.PARTITIONS,
                        messages,
                        rate);
        Thread thread = new Thread(producer, "producer");
        thread.setDaemon(true);
        thread.start();
        awaitOutput(producer);
        awaitAcknowledged(producer);
        flink.cancel();
        // After the job's end, so that nothing can come late.
        return CountCheck.of(
                jedis,
                PartitionedStreamJob.OUTPUT,
                PartitionedStreamJob.PARTITIONS,
                messages,
                topics.counts().pending);
    }

    private void awaitJob() throws Exception {
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (!(flink.running() && topics.groupsExist())) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("the job did not start within " + START_TIMEOUT);
            }
            pause();
        }
    }

    /**
     * Until as much is written as was produced, or nothing moves any more: then the table tells
     * what is missing.
     */
    private void awaitOutput(Producer producer) throws Exception {
        long written = -1;
        long moved = System.nanoTime();
        while (System.nanoTime() - moved < STALL_TIMEOUT.toNanos()) {
            Topics.Counts counts = show(producer);
            if (counts.written >= messages && producer.produced() == messages) {
                return;
            }
            if (counts.written != written) {
                written = counts.written;
                moved = System.nanoTime();
            }
            pause();
        }
    }

    /** The checkpoint that holds the last message acknowledges it. */
    private void awaitAcknowledged(Producer producer) throws Exception {
        long written = System.currentTimeMillis();
        long deadline = System.nanoTime() + CHECKPOINT_TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            boolean checkpointed = flink.lastCheckpoint() > written;
            if (show(producer).pending == 0 && checkpointed) {
                break;
            }
            pause();
        }
        progress.end(producer.produced(), topics.counts());
    }

    private Topics.Counts show(Producer producer) throws Exception {
        flink.checkRunning();
        int produced = producer.produced();
        Topics.Counts counts = topics.counts();
        progress.show(produced, counts);
        return counts;
    }

    private static void pause() {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
    }

    private static String chain(Throwable error) {
        StringBuilder text = new StringBuilder(String.valueOf(error.getMessage()));
        for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
            text.append("\n  caused by ").append(cause);
        }
        return text.toString();
    }
}
