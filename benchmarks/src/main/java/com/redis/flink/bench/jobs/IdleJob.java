package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.source.partitioned.AckStrategy;

import java.util.EnumMap;
import java.util.Map;

/** A job of ours whose topic has nothing for it. */
public final class IdleJob implements Contender {

    private static final int CHECKPOINT_MILLIS = 1_000;

    private final Lab lab;
    private final String name;
    private final Topic topic;
    private final int millis;

    /**
     * @param millis for which it is watched
     */
    public IdleJob(Lab lab, String name, int partitions, int millis) {
        this.lab = lab;
        this.name = name;
        topic = new Topic(lab.server(), "idle", partitions);
        this.millis = millis;
    }

    @Override
    public Kind kind() {
        return Kind.OURS;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Run prepare() throws Exception {
        Meter meter = Meter.reset();
        Flink.Job job =
                Reading.begin(
                        lab.flink(),
                        CHECKPOINT_MILLIS,
                        Ours.read(lab.server(), topic, AckStrategy.ON_CHECKPOINT),
                        topic,
                        meter,
                        reads -> reads.await("all is acknowledged", () -> topic.pending() == 0));
        return new IdleRun(meter, job);
    }

    private final class IdleRun implements Run {

        private final Meter meter;
        private final Flink.Job job;
        private long commands;

        IdleRun(Meter meter, Flink.Job job) {
            this.meter = meter;
            this.job = job;
        }

        @Override
        public void work() throws InterruptedException {
            long before = commandsProcessed();
            Thread.sleep(millis); // what nothing costs in a time is what is measured
            commands = commandsProcessed() - before;
        }

        private long commandsProcessed() {
            String field = "total_commands_processed";
            return Long.parseLong(Server.field(lab.server().control(), "stats", field));
        }

        @Override
        public void verify() {
            if (meter.count() != topic.partitions()) {
                throw new IllegalStateException("entries came to an idle job: " + meter.count());
            }
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            Map<Metric, Double> measured = new EnumMap<>(Metric.class);
            measured.put(Metric.CORE, spent.cpu() / spent.seconds() * 100);
            measured.put(Metric.COMMANDS, commands / spent.seconds());
            return measured;
        }

        @Override
        public void close() throws Exception {
            job.close();
        }
    }
}
