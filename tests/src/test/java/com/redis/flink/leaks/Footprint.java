package com.redis.flink.leaks;

import com.redis.flink.testing.Processes;
import com.redis.flink.testing.SessionCluster;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a JVM of {@link SessionCluster#startMeasurable} holds on to after a full garbage collection.
 *
 * <p>Its resident memory as a whole says little: the heap, the compiler and its code grow for many
 * runs before they level off. So it is taken apart, and what comes and goes with the compiler is
 * left out.
 */
final class Footprint {

    private static final Pattern TOTAL_CLASSES = Pattern.compile("Total = \\d+\\s+(\\d+)");
    private static final Pattern LIVE_HEAP =
            Pattern.compile("tenured generation\\s+total \\d+K, used (\\d+)K");
    private static final Pattern JVM_TOTAL = Pattern.compile("Total: .*committed=(\\d+)KB");

    /** The parts of the JVM's memory that no job can leak: all of the heap is there at once. */
    private static final Pattern NOT_LEAKED =
            Pattern.compile(
                    "- +(?:Java Heap|Code|Compiler|Arena Chunk|Native Memory Tracking)"
                            + " \\(.*committed=(\\d+)KB");

    private static final Pattern RESIDENT = Pattern.compile("RssAnon:\\s+(\\d+) kB");

    /** The compiler allocates and frees meanwhile: one sample alone may be some MiB off. */
    private static final int SAMPLES = 3;

    private static final Duration JCMD_TIMEOUT = Duration.ofSeconds(60);

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

    /** What is alive on the heap. */
    final long heapKib;

    /** What the JVM has beside heap and compiler: direct buffers, metaspace, stacks. */
    final long jvmKib;

    /** What the JVM knows nothing of: what native code has allocated, and the allocator keeps. */
    final long nativeKib;

    private Footprint(Process process) throws IOException, InterruptedException {
        for (int i = 0; i < 2; i++) { // what the first one finalizes the second one collects
            jcmd(process, "GC.run");
        }
        String loaders = jcmd(process, "VM.classloader_stats");
        jobClassLoaders = loaders.lines().filter(line -> line.contains(JOBS_LOADER)).count();
        classes = Long.parseLong(match(TOTAL_CLASSES, loaders).group(1));
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
        heapKib = Long.parseLong(match(LIVE_HEAP, jcmd(process, "GC.heap_info")).group(1));
        jcmd(process, "System.trim_native_heap"); // a JVM that does not know it says so
        long[][] samples = new long[2][SAMPLES];
        for (int i = 0; i < SAMPLES; i++) {
            String jvm = jcmd(process, "VM.native_memory summary scale=KB");
            String status = Files.readString(proc.resolve("status"));
            long committed = Long.parseLong(match(JVM_TOTAL, jvm).group(1));
            samples[0][i] = committed - kib(NOT_LEAKED, jvm);
            samples[1][i] = Long.parseLong(match(RESIDENT, status).group(1)) - committed;
        }
        jvmKib = median(samples[0]);
        nativeKib = median(samples[1]);
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

    private static String jcmd(Process process, String command) {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        return Processes.run(JCMD_TIMEOUT, List.of(jcmd, Long.toString(process.pid()), command));
    }

    /** The sum of what the pattern finds. */
    private static long kib(Pattern pattern, String text) {
        return pattern.matcher(text).results().mapToLong(kib -> Long.parseLong(kib.group(1))).sum();
    }

    private static long median(long[] values) {
        Arrays.sort(values);
        return values[values.length / 2];
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
                "%3d threads (%d ours), %d class loaders of jobs, %5d classes, %d libraries, KiB:"
                        + " %d heap, %d JVM, %d native",
                threads,
                ourThreads,
                jobClassLoaders,
                classes,
                libraries,
                heapKib,
                jvmKib,
                nativeKib);
    }
}
