package com.redis.flink.chaos;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** {@code ./dev chaos}: faults at random for some minutes, then the table. */
public final class Chaos {

    private static final List<String> ALL =
            List.of("ON_CHECKPOINT", "ON_EMIT", "NOACK", "COMMIT_POSITION");

    /** How often the next fault does not wait until the jobs have got over the last one. */
    private static final double IMPATIENCE = 0.4;

    private Chaos() {}

    public static void main(String[] args) throws Exception {
        Options options = new Options();
        for (int i = 0; i < args.length; i++) {
            switch (args[i]) {
                case "--minutes":
                    options.minutes = Double.parseDouble(args[++i]);
                    break;
                case "--seed":
                    options.seed = Long.parseLong(args[++i]);
                    break;
                case "--strategy":
                    String value = args[++i];
                    options.strategies = value.equals("all") ? ALL : List.of(value.split(","));
                    break;
                case "--faults":
                    options.faults =
                            Stream.of(args[++i].split(","))
                                    .map(Fault::valueOf)
                                    .collect(Collectors.toList());
                    break;
                case "--limited":
                    options.limited = true;
                    break;
                default:
                    System.err.println("unknown option " + args[i]);
                    System.exit(2);
            }
        }
        System.exit(run(options) ? 0 : 1);
    }

    private static boolean run(Options options) throws Exception {
        System.out.println(
                "chaos on Flink "
                        + System.getProperty("flink.version")
                        + ", seed "
                        + options.seed
                        + (options.limited ? ", with a limited user" : ""));
        try (ChaosRun run =
                new ChaosRun(
                        options.seed, options.strategies, options.limited, System.out::println)) {
            try {
                run.start();
                torment(run, options);
                Outcome outcome = run.finish();
                System.out.println("\n" + outcome);
                return outcome.good();
            } finally {
                Path logs = Path.of(System.getProperty("chaos.logs"));
                run.copyLogs(logs);
                System.out.println("logs of Flink and Redis: " + logs);
            }
        }
    }

    private static void torment(ChaosRun run, Options options) throws Exception {
        Random random = new Random(options.seed);
        long end = System.nanoTime() + (long) (options.minutes * 60e9);
        List<Fault> faults = new ArrayList<>();
        while (System.nanoTime() < end) {
            if (faults.isEmpty()) { // each kind once, then again
                faults.addAll(options.faults);
                Collections.shuffle(faults, random);
            }
            run.inject(faults.remove(0));
            if (random.nextDouble() >= IMPATIENCE) {
                run.settle();
            }
        }
        run.settle();
    }

    private static final class Options {

        private double minutes = 3;
        private long seed = System.nanoTime() & 0xffff;
        private List<String> strategies = ALL;
        private List<Fault> faults = List.of(Fault.values());
        private boolean limited;
    }
}
