package com.redis.flink.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.report.Picture;
import com.redis.flink.bench.report.Report;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.List;
import java.util.Map;

/**
 * That each benchmark runs, on a few thousand records, and counts right: every measured run fails
 * when it did not read or write each record once. Nothing is said of how fast it was.
 */
final class BenchTest {

    private static Lab lab;

    @BeforeAll
    static void start() throws Exception {
        lab = Lab.start(Effort.SMOKE, progress -> {});
    }

    @AfterAll
    static void end() throws Exception {
        lab.close();
    }

    static List<Benchmark> benchmarks() {
        return Bench.all();
    }

    @ParameterizedTest
    @MethodSource("benchmarks")
    void runsCountsAndReports(Benchmark benchmark) throws Exception {
        Report report = benchmark.run(lab);
        assertThat(report.lines())
                .isNotEmpty()
                .allMatch(
                        line ->
                                line.matches(
                                        benchmark.name()
                                                + " [A-Z0-9_+.]+:( [a-z0-9-]+ -?[0-9.]+)+"));
        assertThat(report.tables()).startsWith("| measured");
        assertThat(report.json().get("measured")).isNotEmpty();
        assertThat(Picture.of(report)).startsWith("<svg").endsWith("</svg>\n");
    }

    @Test
    void runThatCountsWrongFails() {
        assertThatThrownBy(() -> Rounds.measure(lab, "test", List.of(new LosesARecord())))
                .hasRootCauseMessage("one is missing");
    }

    private static final class LosesARecord implements Contender, Contender.Run {

        @Override
        public Kind kind() {
            return Kind.OURS;
        }

        @Override
        public String name() {
            return "loses a record";
        }

        @Override
        public Run prepare() {
            return this;
        }

        @Override
        public void work() {}

        @Override
        public void verify() {
            throw new IllegalStateException("one is missing");
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return spent.on(1);
        }

        @Override
        public void close() {}
    }
}
