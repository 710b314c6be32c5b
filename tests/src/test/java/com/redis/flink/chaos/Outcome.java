package com.redis.flink.chaos;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What came of a run: the table, and whether it is good. */
final class Outcome {

    private final long records;
    private final long bad;
    private final Map<Fault, Integer> injected;
    private final List<Line> lines = new ArrayList<>();
    private List<String> crashed = List.of();

    Outcome(long records, long bad, Map<Fault, Integer> injected) {
        this.records = records;
        this.bad = bad;
        this.injected = injected;
    }

    void add(Line line) {
        lines.add(line);
    }

    void crashed(List<String> processes) {
        crashed = processes;
    }

    boolean good() {
        return records > 0
                && crashed.isEmpty()
                && lines.stream().allMatch(Line::good)
                && lines.stream().allMatch(line -> line.copied == null || line.copied.good());
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder();
        for (Fault fault : Fault.values()) {
            text.append(row("%-52s %5d", fault.title, injected.getOrDefault(fault, 0)));
        }
        text.append(row("%nproduced: %d records, %d of them bad%n", records, bad));
        String format = "%-16s %8s %6s %10s %8s %5s %9s %12s %13s %5s";
        text.append(
                row(
                        format,
                        "strategy",
                        "counted",
                        "lost",
                        "duplicated",
                        "pending",
                        "lag",
                        "restored",
                        "dead letters",
                        "missing/wrong",
                        ""));
        for (Line line : lines) {
            text.append(
                    row(
                            format,
                            line.strategy,
                            line.counted,
                            line.lost,
                            line.duplicated,
                            line.pending,
                            line.lag,
                            line.restarts,
                            line.deadLetters,
                            line.missing + "/" + line.wrong,
                            line.good() ? "good" : "BAD"));
        }
        lines.forEach(line -> text.append(line.good() ? "" : line.problems));
        if (lines.stream().anyMatch(line -> line.copied != null)) {
            printCopies(text);
        }
        crashed.forEach(process -> text.append("crashed: ").append(process).append('\n'));
        return text.toString();
    }

    private void printCopies(StringBuilder text) {
        String format = "%-16s %8s %6s %10s %10s %5s %12s %18s";
        text.append('\n');
        text.append(
                row(
                        format,
                        "exactly-once",
                        "copied",
                        "lost",
                        "duplicated",
                        "misordered",
                        "early",
                        "staged, left",
                        ""));
        for (Line line : lines) {
            Copied copied = line.copied;
            if (copied != null) {
                text.append(
                        row(
                                format,
                                line.strategy,
                                copied.read,
                                copied.lost,
                                copied.duplicated,
                                copied.misordered,
                                copied.early,
                                copied.staged,
                                copied.good() ? "good" : "BAD"));
                text.append(copied.problems);
            }
        }
    }

    private static String row(String format, Object... values) {
        return String.format(format, values).stripTrailing() + "\n";
    }

    /** One job's. */
    static final class Line {

        final String strategy;
        long counted;
        long lost;
        long duplicated;
        long pending;
        long lag;
        int restarts;
        int runs;
        String problems = "";

        /** Null: it was not copied. */
        Copied copied;

        private int deadLetters;
        private long missing;
        private long wrong;

        Line(String strategy) {
            this.strategy = strategy;
        }

        /**
         * @param letters the numbers of the records in the dead-letter stream
         * @param bad how many were produced
         */
        void readDeadLetters(List<String> letters, long bad) {
            Set<String> there = new HashSet<>(letters);
            deadLetters = letters.size();
            wrong = letters.stream().filter(n -> n == null || !n.startsWith("bad-")).count();
            for (long i = 0; i < bad; i++) {
                missing += there.contains("bad-" + i) ? 0 : 1;
            }
        }

        boolean good() {
            return lost == 0
                    && duplicated == 0
                    && problems.isEmpty()
                    && pending == 0
                    && lag == 0
                    && missing == 0
                    && wrong == 0;
        }
    }

    /** What a job's exactly-once sink has written. */
    static final class Copied {

        long read;
        long lost;
        long duplicated;

        /** Behind a later number of the same key. */
        long misordered;

        /** Looks that found something of a checkpoint which had not completed by then. */
        long early;

        /** Whether nobody has looked for those. */
        boolean unchecked;

        /** Keys left behind that are to expire. */
        long staged;

        String problems = "";

        boolean good() {
            return lost == 0
                    && duplicated == 0
                    && misordered == 0
                    && early == 0
                    && !unchecked
                    && problems.isEmpty();
        }
    }
}
