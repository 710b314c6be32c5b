package com.redis.flink.bench.jobs;

import com.redis.flink.bench.lab.Await;
import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.source.partitioned.RedisSourceConfig;

/**
 * A job of ours in a JVM of its own, whose memory is watched. It reads a topic, slower than the
 * topic could be read, and tells how far it is, in lines on standard output.
 */
public final class MemoryJob {

    private MemoryJob() {}

    /**
     * @param args the server's port, the topic, its partitions, maxBufferedBytes, and how many
     *     entries will come
     */
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        String topic = args[1];
        int partitions = Integer.parseInt(args[2]);
        long expected = partitions + Long.parseLong(args[4]);
        RedisSourceConfig config =
                RedisSourceConfig.builder()
                        .host(Server.HOST)
                        .port(port)
                        .topicName(topic)
                        .numPartitions(partitions)
                        .consumerGroup(Topic.GROUP)
                        .startingId("0")
                        .maxBufferedBytes(Long.parseLong(args[3]))
                        .build();
        Meter meter = Meter.reset();
        try (Flink flink = Flink.start()) {
            var env = flink.environment(Flink.CHECKPOINT_MILLIS);
            Ours.readSlowly(config).define(env);
            try (Flink.Job job = flink.submit(env)) {
                job.await("the job reads", () -> meter.count() == partitions);
                System.out.println("idle");
                job.await("all is read", () -> meter.count() >= expected);
                System.out.println("read " + (meter.count() - partitions));
                // Until whoever started this JVM has looked at it.
                Await.until("standard input ends", () -> System.in.read() < 0);
            }
        }
        System.exit(0);
    }
}
