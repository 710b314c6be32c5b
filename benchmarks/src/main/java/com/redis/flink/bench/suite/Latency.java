package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.jobs.LatencyJob;
import com.redis.flink.bench.jobs.Ours;
import com.redis.flink.bench.jobs.Reference;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.bench.report.Report;
import com.redis.flink.bench.wire.WireBlockedReader;

import java.util.List;
import java.util.Locale;

/** How long an entry takes to the job when it does not have to wait for others. */
public final class Latency implements Benchmark {

    private static final int FEW = 4;
    private static final int MANY = 64;

    private static final String WIRE = "wire, one blocked XREADGROUP";

    @Override
    public String name() {
        return "latency";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        int entries = lab.effort().of(2_000, 100);
        Topic few = new Topic(lab.server(), "in", FEW);
        Topic many = new Topic(lab.server(), "in", MANY);
        List<Contender> contenders =
                List.of(
                        new WireBlockedReader(lab, WIRE, entries),
                        ours(lab, few, entries),
                        ours(lab, many, entries),
                        jedis(lab, few, entries),
                        jedis(lab, many, entries));
        Report report =
                new Report(
                        name(),
                        String.format(
                                Locale.ROOT,
                                "%,d entries, one every 1 to 3 ms, from before the XADD until the"
                                    + " job's first operator has the record; one partition is busy,"
                                    + " the others are idle; one reader, ON_CHECKPOINT, checkpoints"
                                    + " every 200 ms. Compared is what is added to the wire, in"
                                    + " ms.",
                                entries),
                        Metric.P50,
                        Metric.P99,
                        Metric.MAX);
        Samples samples = Rounds.measure(lab, name(), contenders);
        report.add(contenders, samples);
        for (int partitions : new int[] {FEW, MANY}) {
            String subject = partitions + "_PARTITIONS";
            String ours = name(partitions);
            String jedis = jedisName(partitions);
            for (Metric metric : List.of(Metric.P50, Metric.P99)) {
                String key = "added-" + metric.key();
                report.figure(subject, key, samples.difference(ours, WIRE, metric));
            }
            report.figure(subject, Metric.MAX.key(), samples.of(ours, Metric.MAX));
            report.figure(subject, "reference-p99", samples.ratio(ours, jedis, Metric.P99));
        }
        return report;
    }

    private static Contender ours(Lab lab, Topic topic, int entries) {
        return new LatencyJob(
                lab, name(topic.partitions()), Ours.timed(lab.server(), topic), topic, entries);
    }

    private static Contender jedis(Lab lab, Topic topic, int entries) {
        return new LatencyJob(
                lab,
                jedisName(topic.partitions()),
                Reference.timed(lab.server(), topic),
                topic,
                entries);
    }

    private static String name(int partitions) {
        return "1 busy of " + partitions;
    }

    private static String jedisName(int partitions) {
        return name(partitions) + ", Jedis";
    }
}
