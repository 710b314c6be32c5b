package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Effort;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.Spent;
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
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** Reading and copying values of every size. */
public final class Values implements Benchmark {

    private static final int PARTITIONS = 4;

    /** Bytes that a reply has to the reference and to the wire: as who uses them would choose. */
    private static final int REPLY_BYTES = 16_000_000;

    /** A size, and how many of them a full run has. */
    private enum Size {
        KB_1("1_KB", 1_000, 150_000),
        KB_10("10_KB", 10_000, 20_000),
        KB_100("100_KB", 100_000, 2_000),
        MB_1("1_MB", 1_000_000, 200),
        MB_16("16_MB", 16_000_000, 16);

        final String subject;
        final int bytes;
        final int entries;

        Size(String subject, int bytes, int entries) {
            this.subject = subject;
            this.bytes = bytes;
            this.entries = entries;
        }

        String title() {
            return subject.replace('_', ' ');
        }
    }

    @Override
    public String name() {
        return "values";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        Report report =
                new Report(
                        name(),
                        "Values of one size in 4 partitions, read with ON_CHECKPOINT and discarded,"
                            + " or copied at least once; parallelism 1, checkpoints every 200 ms.",
                        Metric.MEGABYTES,
                        Metric.CPU_OF_BYTES,
                        Metric.SERVER_CPU_OF_BYTES);
        List<Size> sizes =
                lab.effort() == Effort.FULL
                        ? List.of(Size.values())
                        : List.of(Size.KB_100, Size.MB_1);
        for (Size size : sizes) {
            measure(lab, size, report);
        }
        return report;
    }

    private void measure(Lab lab, Size size, Report report) throws Exception {
        int entries = lab.effort().of(size.entries, 8);
        int batch = Math.max(1, Math.min(Reference.BATCH, REPLY_BYTES / size.bytes));
        Topic in = new Topic(lab.server(), "in", PARTITIONS);
        Topic out = new Topic(lab.server(), "out", PARTITIONS);
        Function<Spent, Map<Metric, Double>> worth =
                spent -> spent.onBytes((long) entries * size.bytes);
        String wire = "read " + size.title() + ", wire";
        String read = "read " + size.title();
        String readJedis = "read " + size.title() + ", Jedis";
        String copy = "copy " + size.title();
        String copyJedis = "copy " + size.title() + ", Jedis";

        class Job {
            Contender of(String name, JobDefinition job, Optional<Topic> target) {
                return new TopicJob(
                        lab.flink(), name, job, in, target, entries, size.bytes, true, worth);
            }
        }
        Job job = new Job();
        List<Contender> contenders =
                List.of(
                        new WireReader(
                                lab.server(), wire, in, entries, size.bytes, batch, true, worth),
                        job.of(
                                read,
                                Ours.read(lab.server(), in, AckStrategy.ON_CHECKPOINT),
                                Optional.empty()),
                        job.of(
                                readJedis,
                                Reference.read(lab.server(), in, batch, true),
                                Optional.empty()),
                        job.of(copy, Ours.copy(lab.server(), in, out, false), Optional.of(out)),
                        job.of(
                                copyJedis,
                                Reference.copy(lab.server(), in, out, batch),
                                Optional.of(out)));
        Samples samples = Rounds.measure(lab, name(), contenders);
        report.add(contenders, samples);
        report.figure("READ_" + size.subject, "wire", samples.ratio(read, wire, Metric.MEGABYTES));
        compare(report, samples, "READ_" + size.subject, read, readJedis);
        compare(report, samples, "COPY_" + size.subject, copy, copyJedis);
    }

    private static void compare(
            Report report, Samples samples, String subject, String ours, String jedis) {
        report.figure(subject, "reference-cpu", samples.ratio(ours, jedis, Metric.CPU_OF_BYTES));
        report.figure(subject, "reference", samples.ratio(ours, jedis, Metric.MEGABYTES));
    }
}
