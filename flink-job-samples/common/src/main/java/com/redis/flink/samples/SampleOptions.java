package com.redis.flink.samples;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The command line of a sample, {@code --name value ...}. Flink's own tool for this is in another
 * package in each Flink line.
 */
public final class SampleOptions {

    private final Map<String, String> values;

    private SampleOptions(Map<String, String> values) {
        this.values = values;
    }

    /**
     * Parses a command line.
     *
     * @param args options and their values by turns
     * @param names of the options that the sample takes, without {@code --}
     * @throws IllegalArgumentException an option is unknown, has no value, or is there twice; the
     *     message says which one, and what to write instead
     */
    public static SampleOptions parse(String[] args, String... names) {
        List<String> known = List.of(names);
        Map<String, String> values = new LinkedHashMap<>();
        for (int i = 0; i < args.length; i += 2) {
            // No message shows what may be a misplaced password.
            if (!args[i].startsWith("--")) {
                throw new IllegalArgumentException(
                        "argument "
                                + (i + 1)
                                + " is no option: write --name value, of "
                                + list(known));
            }
            String name = args[i].substring(2);
            if (!known.contains(name)) {
                throw new IllegalArgumentException(
                        "unknown option --" + name + ": this sample takes " + list(known));
            }
            if (i + 1 == args.length || isOption(args[i + 1], known)) {
                throw new IllegalArgumentException(
                        "option --" + name + " has no value: write --" + name + " VALUE");
            }
            if (values.put(name, args[i + 1]) != null) {
                throw new IllegalArgumentException(
                        "option --" + name + " is given twice: leave one of them out");
            }
        }
        if (values.containsKey("uri")
                && (values.containsKey("host") || values.containsKey("port"))) {
            throw new IllegalArgumentException(
                    "option --uri is given with --host or --port: "
                            + "leave those out, they are a part of the URI");
        }
        return new SampleOptions(values);
    }

    private static boolean isOption(String arg, List<String> known) {
        return arg.startsWith("--") && known.contains(arg.substring(2));
    }

    private static String list(List<String> names) {
        return names.stream().map(name -> "--" + name).collect(Collectors.joining(", "));
    }

    /** Returns {@code --host}; by default the one of the Docker stack, {@code redis}. */
    public String host() {
        return values.getOrDefault("host", "redis");
    }

    /** Returns {@code --port}; by default 6379. */
    public int port() {
        return (int) number("port", 6379, 1, 65_535);
    }

    /** Returns {@code --uri}, or the one that {@code --host} and {@code --port} make. */
    public String uri() {
        return values.getOrDefault("uri", "redis://" + host() + ":" + port());
    }

    /** Returns {@code --user}; null, as the configurations take it: there is none. */
    public String user() {
        return values.get("user");
    }

    /** Returns {@code --password}, else the environment's {@code REDIS_PASSWORD}; null: neither. */
    public String password() {
        return values.getOrDefault("password", System.getenv("REDIS_PASSWORD"));
    }

    /**
     * Returns a whole number.
     *
     * @throws IllegalArgumentException it is none, or not from {@code least} to {@code most}
     */
    public long number(String name, long byDefault, long least, long most) {
        String text = values.get(name);
        if (text == null) {
            return byDefault;
        }
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // The same message as for a number that is out of range.
        }
        throw new IllegalArgumentException(
                String.format(
                        "option --%s: '%s' is no whole number from %d to %d: "
                                + "write for example --%s %d",
                        name, text, least, most, name, byDefault));
    }
}
