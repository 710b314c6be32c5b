package com.redis.flink.leaks;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What a JVM holds on to after a full garbage collection. */
final class Footprint {

    private static final Pattern TOTAL = Pattern.compile("Total = \\d+\\s+(\\d+)");
    private static final Pattern RSS = Pattern.compile("VmRSS:\\s+(\\d+) kB");
    private static final String JOBS_LOADER = "org.apache.flink.util.ChildFirstClassLoader";
    private static final String OUR_THREADS = "flink-redis";
    private static final String OUR_LIBRARY = "libflink_redis";

    final int threads;
    final long ourThreads;

    /** Those that Flink makes for jobs; the JVM has many of its own, for reflection. */
    final long jobClassLoaders;

    final long classes;

    /** Copies of the native library that are mapped. */
    final long libraries;

    final long rssMib;

    private Footprint(Process process) throws IOException, InterruptedException {
        for (int i = 0; i < 2; i++) { // what the first one finalizes the second one collects
            jcmd(process, "GC.run");
        }
        String loaders = jcmd(process, "VM.classloader_stats");
        jobClassLoaders = loaders.lines().filter(line -> line.contains(JOBS_LOADER)).count();
        classes = Long.parseLong(match(TOTAL, loaders).group(1));
        Path proc = Path.of("/proc", Long.toString(process.pid()));
        List<String> names = threadNames(proc);
        threads = names.size();
        ourThreads = names.stream().filter(name -> name.startsWith(OUR_THREADS)).count();
        try (Stream<String> maps = Files.lines(proc.resolve("maps"))) {
            libraries =
                    maps.filter(line -> line.contains(OUR_LIBRARY))
                            .map(line -> line.substring(line.indexOf('/')))
                            .distinct()
                            .count();
        }
        String status = Files.readString(proc.resolve("status"));
        rssMib = Long.parseLong(match(RSS, status).group(1)) / 1024;
    }

    static Footprint of(Process process) throws IOException, InterruptedException {
        return new Footprint(process);
    }

    /** The kernel's names of the threads: they include those that Java knows nothing of. */
    private static List<String> threadNames(Path proc) throws IOException {
        try (Stream<Path> tasks = Files.list(proc.resolve("task"))) {
            return tasks.map(Footprint::name).collect(Collectors.toList());
        }
    }

    private static String name(Path task) {
        try {
            return Files.readString(task.resolve("comm")).trim();
        } catch (IOException ended) {
            return "";
        }
    }

    private static String jcmd(Process process, String command)
            throws IOException, InterruptedException {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        Process running =
                new ProcessBuilder(jcmd, Long.toString(process.pid()), command)
                        .redirectErrorStream(true)
                        .start();
        try (InputStream output = running.getInputStream()) {
            String text = new String(output.readAllBytes(), StandardCharsets.UTF_8);
            running.waitFor();
            return text;
        }
    }

    private static Matcher match(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        if (!matcher.find()) {
            throw new IllegalStateException(pattern + " is not in\n" + text);
        }
        return matcher;
    }

    @Override
    public String toString() {
        return String.format(
                "%3d threads (%d ours), %d class loaders of jobs, %5d classes, %d libraries, %3d"
                        + " MiB",
                threads, ourThreads, jobClassLoaders, classes, libraries, rssMib);
    }
}
