package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.jobs.IdleJob;
import com.redis.flink.bench.jobs.Ours;
import com.redis.flink.bench.jobs.TopicJob;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.bench.report.Report;
import com.redis.flink.source.partitioned.AckStrategy;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Few and many partitions on one reader, and many that have nothing. */
public final class Scale implements Benchmark {

    private static final int[] PARTITIONS = {1, 4, 16, 64, 256};
    private static final int USUAL = 4;
    private static final int MANY = 256;
    private static final int DATA_BYTES = 100;

    @Override
    public String name() {
        return "scale";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        int entries = lab.effort().of(1_000_000, 2_048);
        List<Contender> busy = new ArrayList<>();
        for (int partitions : PARTITIONS) {
            Topic topic = new Topic(lab.server(), "in", partitions);
            busy.add(
                    new TopicJob(
                            lab.flink(),
                            partitions(partitions),
                            Ours.read(lab.server(), topic, AckStrategy.ON_CHECKPOINT),
                            topic,
                            Optional.empty(),
                            entries,
                            DATA_BYTES,
                            true,
                            spent -> spent.on(entries)));
        }
        int idleMillis = lab.effort().of(8_000, 200);
        List<Contender> idle =
                List.of(
                        new IdleJob(lab, idle(1), 1, idleMillis),
                        new IdleJob(lab, idle(MANY), MANY, idleMillis));
        Report report =
                new Report(
                        name(),
                        String.format(
                                Locale.ROOT,
                                "%,d entries of 116 bytes, read with ON_CHECKPOINT by one reader"
                                    + " and discarded, checkpoints every 200 ms; then %d ms without"
                                    + " entries, checkpoints every second.",
                                entries,
                                idleMillis),
                        Metric.RATE,
                        Metric.CPU,
                        Metric.SERVER_CPU,
                        Metric.CORE,
                        Metric.COMMANDS);
        Samples samples = Rounds.measure(lab, name(), busy);
        report.add(busy, samples);
        for (int partitions : PARTITIONS) {
            if (partitions != USUAL) {
                String subject = partitions + "_PARTITIONS";
                String name = partitions(partitions);
                String usual = partitions(USUAL);
                report.figure(subject, "4-partitions-cpu", samples.ratio(name, usual, Metric.CPU));
                report.figure(subject, "4-partitions", samples.ratio(name, usual, Metric.RATE));
            }
        }
        Samples nothing = Rounds.measure(lab, name(), idle);
        report.add(idle, nothing);
        String subject = "IDLE_" + MANY;
        report.figure(
                subject, Metric.CORE.key(), nothing.difference(idle(MANY), idle(1), Metric.CORE));
        report.figure(subject, Metric.COMMANDS.key(), nothing.of(idle(MANY), Metric.COMMANDS));
        return report;
    }

    private static String partitions(int number) {
        return number + (number == 1 ? " partition" : " partitions");
    }

    private static String idle(int number) {
        return partitions(number) + ", idle";
    }
}
