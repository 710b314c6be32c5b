package com.redis.flink.chaos;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/** {@code ./dev chaos}: faults at random for some minutes, then the table. */
public final class Chaos {

    private static final List<String> ALL =
            List.of("ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION");
    private static final double MINUTES = 3;

    /** How often the next fault does not wait until the jobs have got over the last one. */
    private static final double IMPATIENCE = 0.4;

    private Chaos() {}

    public static void main(String[] args) throws Exception {
        double minutes = MINUTES;
        long seed = System.nanoTime() & 0xffff;
        List<String> strategies = ALL;
        boolean limited = false;
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--minutes":
                    minutes = Double.parseDouble(args[++i]);
                    break;
                case "--seed":
                    seed = Long.parseLong(args[++i]);
                    break;
                case "--strategy":
                    String value = args[++i];
                    strategies = value.equals("all") ? ALL : List.of(value);
                    break;
                case "--limited":
                    limited = true;
                    break;
                default:
                    System.err.println("unknown option " + args[i]);
                    System.exit(2);
            }
        }
        System.exit(run(minutes, seed, strategies, limited) ? 0 : 1);
    }

    private static boolean run(double minutes, long seed, List<String> strategies, boolean limited)
            throws Exception {
        System.out.println("chaos on Flink " + System.getProperty("flink.version"));
        System.out.println("seed " + seed + (limited ? ", with a limited user" : ""));
        Random random = new Random(seed);
        try (ChaosRun run = new ChaosRun(seed, strategies, limited, System.out::println)) {
            try {
                run.start();
                long end = System.nanoTime() + (long) (minutes * 60e9);
                List<Fault> faults = new ArrayList<>();
                while (System.nanoTime() < end) {
                    if (faults.isEmpty()) { // each kind once, then again
                        faults.addAll(Arrays.asList(Fault.values()));
                        Collections.shuffle(faults, random);
                    }
                    run.inject(faults.remove(0));
                    if (random.nextDouble() >= IMPATIENCE) {
                        run.settle();
                    }
                }
                run.settle();
                Outcome outcome = run.finish();
                System.out.println("\n" + outcome);
                return outcome.good() || keepLogs(run);
            } catch (Exception | AssertionError e) {
                keepLogs(run);
                throw e;
            }
        }
    }

    private static boolean keepLogs(ChaosRun run) throws IOException {
        Path logs = Path.of(System.getProperty("chaos.logs"));
        run.copyLogs(logs);
        System.out.println("logs: " + logs.toAbsolutePath());
        return false;
    }
}
