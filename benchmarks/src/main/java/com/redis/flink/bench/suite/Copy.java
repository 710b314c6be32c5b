package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.jobs.JobDefinition;
import com.redis.flink.bench.jobs.Ours;
import com.redis.flink.bench.jobs.Reference;
import com.redis.flink.bench.jobs.TopicJob;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.bench.report.Report;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Copying a topic to another one, at least once and exactly once. */
public final class Copy implements Benchmark {

    private static final int PARTITIONS = 4;
    private static final int DATA_BYTES = 100;

    /** So many that the last commit, for which nothing is left to be read, counts for little. */
    private static final int ENTRIES = 1_500_000;

    private static final String AT_LEAST_ONCE = "AT_LEAST_ONCE";
    private static final String EXACTLY_ONCE = "EXACTLY_ONCE";
    private static final String JEDIS = "Jedis, at least once";

    @Override
    public String name() {
        return "copy";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        int entries = lab.effort().of(ENTRIES, 2_000);
        Topic from = new Topic(lab.server(), "in", PARTITIONS);
        Topic to = new Topic(lab.server(), "out", PARTITIONS);
        List<Contender> contenders =
                List.of(
                        job(lab, AT_LEAST_ONCE, Ours.copy(lab.server(), from, to, false), from, to),
                        job(lab, EXACTLY_ONCE, Ours.copy(lab.server(), from, to, true), from, to),
                        job(lab, JEDIS, Reference.copy(lab.server(), from, to, 1000), from, to));
        Samples samples = Rounds.measure(lab, name(), contenders);
        Report report =
                new Report(
                        name(),
                        String.format(
                                Locale.ROOT,
                                "%,d entries of 116 bytes, from a topic of %d partitions to one of"
                                        + " %d, parallelism 1, checkpoints every 200 ms.",
                                entries,
                                PARTITIONS,
                                PARTITIONS),
                        Metric.RATE,
                        Metric.CPU,
                        Metric.SERVER_CPU);
        report.add(contenders, samples);
        report.figure(AT_LEAST_ONCE, "reference", samples.ratio(AT_LEAST_ONCE, JEDIS, Metric.RATE));
        report.figure(
                AT_LEAST_ONCE, "reference-cpu", samples.ratio(AT_LEAST_ONCE, JEDIS, Metric.CPU));
        report.figure(
                EXACTLY_ONCE,
                "at-least-once",
                samples.ratio(EXACTLY_ONCE, AT_LEAST_ONCE, Metric.RATE));
        report.figure(
                EXACTLY_ONCE,
                "server-cpu",
                samples.ratio(EXACTLY_ONCE, AT_LEAST_ONCE, Metric.SERVER_CPU));
        report.figure(EXACTLY_ONCE, "cpu", samples.ratio(EXACTLY_ONCE, AT_LEAST_ONCE, Metric.CPU));
        return report;
    }

    private static Contender job(Lab lab, String name, JobDefinition job, Topic from, Topic to) {
        int entries = lab.effort().of(ENTRIES, 2_000);
        return new TopicJob(
                lab.flink(),
                name,
                job,
                from,
                Optional.of(to),
                entries,
                DATA_BYTES,
                true,
                spent -> spent.on(entries));
    }
}
