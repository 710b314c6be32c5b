package com.redis.flink.bench.suite;

import com.redis.flink.bench.Benchmark;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Rounds;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.jobs.WriteCommand;
import com.redis.flink.bench.jobs.WriteJob;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Report;
import com.redis.flink.bench.wire.WireWriter;

import java.util.List;
import java.util.Locale;

/** Writing with each sink, at least once. */
public final class Write implements Benchmark {

    @Override
    public String name() {
        return "write";
    }

    @Override
    public Report run(Lab lab) throws Exception {
        int records = lab.effort().of(300_000, 2_000);
        Report report =
                new Report(
                        name(),
                        String.format(
                                Locale.ROOT,
                                "%,d records, each with a key of 16 bytes of its own and data of"
                                        + " 100 bytes, parallelism 1, checkpoints every 200 ms.",
                                records),
                        Metric.RATE,
                        Metric.CPU,
                        Metric.SERVER_CPU);
        for (WriteCommand command : WriteCommand.values()) {
            if (command.needsJson() && !lab.hasJson()) {
                report.note(command.title() + " was not measured: there is no RedisJSON here.");
                continue;
            }
            measure(lab, command, records, report);
        }
        return report;
    }

    private void measure(Lab lab, WriteCommand command, int records, Report report)
            throws Exception {
        String ours = command.title();
        String wire = ours + ", wire";
        String jedis = ours + ", Jedis";
        List<Contender> contenders =
                List.of(
                        new WireWriter(lab.server(), wire, command, records),
                        new WriteJob(lab, Contender.Kind.OURS, ours, command, records),
                        new WriteJob(lab, Contender.Kind.REFERENCE, jedis, command, records));
        Samples samples = Rounds.measure(lab, name(), contenders);
        report.add(contenders, samples);
        report.figure(ours, "wire", samples.ratio(ours, wire, Metric.RATE));
        report.figure(ours, "reference-cpu", samples.ratio(ours, jedis, Metric.CPU));
        report.figure(ours, "reference", samples.ratio(ours, jedis, Metric.RATE));
        report.figure(ours, "server-cpu", samples.ratio(ours, wire, Metric.SERVER_CPU));
    }
}
