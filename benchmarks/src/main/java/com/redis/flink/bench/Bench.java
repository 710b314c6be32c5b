package com.redis.flink.bench;

import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Docs;
import com.redis.flink.bench.report.Machine;
import com.redis.flink.bench.report.Report;
import com.redis.flink.bench.suite.Copy;
import com.redis.flink.bench.suite.Latency;
import com.redis.flink.bench.suite.Memory;
import com.redis.flink.bench.suite.Read;
import com.redis.flink.bench.suite.Scale;
import com.redis.flink.bench.suite.Values;
import com.redis.flink.bench.suite.Write;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What {@code ./dev bench} runs. */
public final class Bench {

    private static final List<Benchmark> ALL =
            List.of(
                    new Read(),
                    new Copy(),
                    new Write(),
                    new Latency(),
                    new Scale(),
                    new Values(),
                    new Memory());

    private final List<Benchmark> chosen = new ArrayList<>();
    private Effort effort = Effort.FULL;
    private boolean json;
    private boolean docs;

    private Bench(String[] args) {
        for (String arg : args) {
            switch (arg) {
                case "--quick":
                    effort = Effort.QUICK;
                    break;
                case "--json":
                    json = true;
                    break;
                case "--docs":
                    docs = true;
                    break;
                case "all":
                    chosen.addAll(ALL);
                    break;
                default:
                    chosen.add(find(arg));
            }
        }
        if (chosen.isEmpty()) {
            throw new IllegalArgumentException("which benchmark? (./dev bench lists them)");
        }
    }

    private static Benchmark find(String name) {
        return ALL.stream()
                .filter(benchmark -> benchmark.name().equals(name))
                .findFirst()
                .orElseThrow(
                        () ->
                                new IllegalArgumentException(
                                        "there is no benchmark or option '"
                                                + name
                                                + "' (./dev bench lists them)"));
    }

    /** Returns all benchmarks. */
    public static List<Benchmark> all() {
        return ALL;
    }

    public static void main(String[] args) {
        Bench bench = null;
        try {
            bench = new Bench(args);
        } catch (IllegalArgumentException e) {
            System.err.println("bench: " + e.getMessage());
            System.exit(2);
        }
        int status = 1;
        try {
            bench.run();
            status = 0;
        } catch (Throwable e) { // also of memory that ends: Flink's threads would go on
            e.printStackTrace();
        }
        System.exit(status);
    }

    private void run() throws Exception {
        for (Benchmark benchmark : chosen) {
            double load = Machine.load();
            try (Lab lab = Lab.start(effort, System.err::println)) {
                Report report = benchmark.run(lab);
                String where = Machine.describe(lab.server(), load);
                String command =
                        "./dev bench "
                                + benchmark.name()
                                + (effort == Effort.QUICK ? " --quick" : "");
                if (json) {
                    System.out.println(report.json().put("machine", where).put("command", command));
                } else {
                    System.out.println(where + "\n\n" + report.tables());
                    report.lines().forEach(System.out::println);
                }
                if (docs) {
                    new Docs(Path.of("docs")).put(report, where, command);
                }
            }
        }
    }
}
