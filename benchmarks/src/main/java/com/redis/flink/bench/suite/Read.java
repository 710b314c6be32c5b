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
import com.redis.flink.bench.wire.WireReader;
import com.redis.flink.source.partitioned.AckStrategy;

import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Reading with each way to acknowledge. */
public final class Read implements Benchmark {

    private static final int PARTITIONS = 4;
    private static final int DATA_BYTES = 100;

    private static final String WIRE_XACK = "wire, XACK";
    private static final String WIRE_NOACK = "wire, NOACK";
    private static final String JEDIS_XACK = "Jedis, XACK by checkpoints";
    private static final String JEDIS_NOACK = "Jedis, NOACK";

    @Override
    public String name() {
        return "read";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        int entries = lab.effort().of(1_200_000, 2_000);
        Topic topic = new Topic(lab.server(), "in", PARTITIONS);
        List<Contender> contenders =
                List.of(
                        wire(lab, topic, entries, true),
                        ours(lab, topic, entries, AckStrategy.ON_CHECKPOINT),
                        jedis(lab, topic, entries, true),
                        wire(lab, topic, entries, false),
                        ours(lab, topic, entries, AckStrategy.NOACK),
                        ours(lab, topic, entries, AckStrategy.COMMIT_POSITION),
                        jedis(lab, topic, entries, false));
        Samples samples = Rounds.measure(lab, name(), contenders);
        Report report =
                new Report(
                        name(),
                        String.format(
                                Locale.ROOT,
                                "%,d entries of 116 bytes in %d partitions, read by one reader and"
                                        + " discarded, checkpoints every 200 ms.",
                                entries,
                                PARTITIONS),
                        Metric.RATE,
                        Metric.CPU,
                        Metric.SERVER_CPU);
        report.add(contenders, samples);
        compare(report, samples, AckStrategy.ON_CHECKPOINT, WIRE_XACK, JEDIS_XACK);
        compare(report, samples, AckStrategy.NOACK, WIRE_NOACK, JEDIS_NOACK);
        // The reference gives the same guarantee only by acknowledging.
        compare(report, samples, AckStrategy.COMMIT_POSITION, WIRE_NOACK, JEDIS_XACK);
        return report;
    }

    private static void compare(
            Report report, Samples samples, AckStrategy strategy, String wire, String jedis) {
        String ours = strategy.name();
        report.figure(ours, "wire", samples.ratio(ours, wire, Metric.RATE));
        report.figure(ours, "reference-cpu", samples.ratio(ours, jedis, Metric.CPU));
        report.figure(ours, "reference", samples.ratio(ours, jedis, Metric.RATE));
    }

    private static Contender wire(Lab lab, Topic topic, int entries, boolean acknowledge) {
        return new WireReader(
                lab.server(),
                acknowledge ? WIRE_XACK : WIRE_NOACK,
                topic,
                entries,
                DATA_BYTES,
                Reference.BATCH,
                acknowledge,
                spent -> spent.on(entries));
    }

    private static Contender ours(Lab lab, Topic topic, int entries, AckStrategy strategy) {
        boolean acknowledges = strategy == AckStrategy.ON_CHECKPOINT;
        JobDefinition job = Ours.read(lab.server(), topic, strategy);
        return job(lab, strategy.name(), job, topic, entries, acknowledges);
    }

    private static Contender jedis(Lab lab, Topic topic, int entries, boolean acknowledges) {
        JobDefinition job = Reference.read(lab.server(), topic, Reference.BATCH, acknowledges);
        String name = acknowledges ? JEDIS_XACK : JEDIS_NOACK;
        return job(lab, name, job, topic, entries, acknowledges);
    }

    private static Contender job(
            Lab lab,
            String name,
            JobDefinition job,
            Topic topic,
            int entries,
            boolean acknowledges) {
        return new TopicJob(
                lab.flink(),
                name,
                job,
                topic,
                Optional.empty(),
                entries,
                DATA_BYTES,
                acknowledges,
                spent -> spent.on(entries));
    }
}
