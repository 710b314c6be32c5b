package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Effort;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.jobs.MemoryRun;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Report;

import java.util.ArrayList;
import java.util.List;

/** What memory large values need, in the job's process and in the server. */
public final class Memory implements Benchmark {

    private static final long MAX_BUFFERED_BYTES = 1024 * 1024;

    private static final String KB_100 = "100 KB";
    private static final String MB_1 = "1 MB";
    private static final String MB_16 = "16 MB";

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        Effort effort = lab.effort();
        List<Contender> contenders = new ArrayList<>();
        contenders.add(run(lab, MB_1, 1_000_000, effort.of(400, 20)));
        if (effort != Effort.SMOKE) {
            contenders.add(0, run(lab, KB_100, 100_000, effort.of(1_500, 20)));
            contenders.add(run(lab, MB_16, 16_000_000, effort.of(40, 8)));
        }
        Samples samples = Rounds.measureCold(lab, name(), contenders);
        Report report =
                new Report(
                        name(),
                        "A job that takes 2 ms for each record reads 4 partitions with"
                            + " maxBufferedBytes of 1 MiB, in a JVM of its own with a fixed heap;"
                            + " the most that its process has above the idle job, what the JVM"
                            + " compiles meanwhile included, and the most that the server has for"
                            + " its clients.",
                        Metric.RSS,
                        Metric.SERVER_MEMORY);
        report.add(contenders, samples);
        for (Contender contender : contenders) {
            String subject = contender.name().replace(' ', '_');
            for (Metric metric : List.of(Metric.RSS, Metric.SERVER_MEMORY)) {
                report.figure(subject, metric.key(), samples.of(contender.name(), metric));
            }
        }
        return report;
    }

    private static Contender run(Lab lab, String name, int dataBytes, int entries) {
        return new MemoryRun(lab, name, dataBytes, entries, MAX_BUFFERED_BYTES);
    }
}
