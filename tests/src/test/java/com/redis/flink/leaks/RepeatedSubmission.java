package com.redis.flink.leaks;

import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.function.Consumer;

/**
 * The same jar again and again on one session cluster: each job copies a topic, is cancelled, and
 * should leave nothing. {@code ./dev leaks} does it 50 times.
 */
public final class RepeatedSubmission implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int PARTITIONS = 4;
    private static final int MESSAGES = 200;

    /**
     * What may differ between one stage and the next, because pools fill and the JVM generates
     * classes for reflection: none of it grows by the run.
     */
    private static final int MORE_THREADS = 3;

    private static final int MORE_CLASSES = 300; // fewer than one job has
    private static final int MORE_HEAP_KIB = 4096;
    private static final int MORE_JVM_KIB = 3072;
    private static final int MORE_NATIVE_KIB = 4096;

    /** The class loader of a job that has just ended may be held for a while by Flink's threads. */
    private static final Duration LINGERING = Duration.ofSeconds(20);

    /** So many more may linger on after a stage than after the one before; and what each is. */
    private static final int MORE_LOADERS = 2;

    private static final int ITS_CLASSES = 1000;
    private static final int ITS_KIB = 8192;

    private final RedisServer redis = RedisServer.start("--databases", "1");
    private final Jedis jedis = redis.jedis();
    private final SessionCluster flink =
            SessionCluster.startMeasurable(1, PARTITIONS, Map.of("web.refresh-interval", "200"));
    private final String jar =
            flink.upload(Path.of(System.getProperty("sample.partitioned-stream")));

    RepeatedSubmission() throws IOException, InterruptedException {}

    public static void main(String[] args) throws Exception {
        int runs = args.length == 2 && args[0].equals("--runs") ? Integer.parseInt(args[1]) : 50;
        System.out.println("leaks on Flink " + System.getProperty("flink.version"));
        try (RepeatedSubmission submissions = new RepeatedSubmission()) {
            String leaks = submissions.leaks(runs / 2, 2, System.out::println);
            System.out.println(leaks.isEmpty() ? "nothing leaks" : "LEAKS:\n" + leaks);
            System.exit(leaks.isEmpty() ? 0 : 1);
        }
    }

    /**
     * Runs so many jobs in each stage, until nothing has grown from the end of one stage to that of
     * the next, for a JVM that warms up grows, too. What leaks grows in every stage.
     *
     * @param stages 2 or more: how many there are at most
     * @return what has grown in the last stage; empty: nothing
     */
    String leaks(int runsOfStage, int stages, Consumer<String> log) throws Exception {
        Footprint[] before = stage(1, runsOfStage, log);
        String leaks = "";
        for (int stage = 2; stage <= stages; stage++) {
            Footprint[] after = stage(stage, runsOfStage, log);
            leaks =
                    grown("JobManager", before[0], after[0])
                            + grown("TaskManager", before[1], after[1]);
            if (leaks.isEmpty()) {
                break;
            }
            before = after;
        }
        return leaks;
    }

    private Footprint[] stage(int stage, int runs, Consumer<String> log) throws Exception {
        for (int i = 0; i < runs; i++) {
            runOnce(stage == 1 && i == 0);
        }
        return footprints(stage * runs, log);
    }

    private Footprint[] footprints(int run, Consumer<String> log) throws Exception {
        Footprint[] footprints = {
            settled(flink.jobManager()), settled(flink.taskManagers().get(0))
        };
        log.accept(String.format("after %2d runs: JobManager  %s", run, footprints[0]));
        log.accept(String.format("               TaskManager %s", footprints[1]));
        return footprints;
    }

    private static Footprint settled(Process process) throws Exception {
        long deadline = System.nanoTime() + LINGERING.toNanos();
        Footprint footprint = Footprint.of(process);
        while (footprint.jobClassLoaders > 0 && System.nanoTime() < deadline) {
            footprint = Footprint.of(process);
        }
        return footprint;
    }

    private void runOnce(boolean first) throws Exception {
        String port = Integer.toString(redis.port());
        String job = flink.runUploaded(jar, "--host", redis.host(), "--port", port);
        flink.awaitRunning(job, LIMIT);
        Await.value("the groups", LIMIT, this::groups, groups -> groups == PARTITIONS);
        for (int i = 0; i < MESSAGES; i++) {
            Map<String, String> fields = Map.of("key", "key" + i, "number", Integer.toString(i));
            jedis.xadd("test:" + i % PARTITIONS, StreamEntryID.NEW_ENTRY, fields);
        }
        Await.value("the output", LIMIT, this::written, written -> written == MESSAGES);
        if (first) {
            proveMeasure();
        }
        flink.cancelByRest(job);
        flink.awaitState(job, "CANCELED", LIMIT);
        Await.value("no connection is left", LIMIT, this::connections, left -> left == 0);
        jedis.flushAll();
    }

    /** While a job runs there is something to be seen: else what is measured afterwards is void. */
    private void proveMeasure() throws Exception {
        Footprint running = Footprint.of(flink.taskManagers().get(0));
        if (running.ourThreads == 0 || running.jobClassLoaders == 0 || running.libraries == 0) {
            throw new AssertionError("a running job is not seen: " + running);
        }
    }

    private int groups() {
        int groups = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            if (jedis.exists("test:" + partition)) {
                groups += jedis.xinfoGroups("test:" + partition).size();
            }
        }
        return groups;
    }

    private long written() {
        long written = 0;
        for (int partition = 0; partition < PARTITIONS; partition++) {
            written += jedis.xlen("output:" + partition);
        }
        return written;
    }

    private long connections() {
        return jedis.clientList().lines().filter(line -> line.contains(" name=flink-")).count();
    }

    private static String grown(String process, Footprint from, Footprint to) {
        long lingering = to.jobClassLoaders - from.jobClassLoaders;
        long its = Math.max(0, Math.min(lingering, MORE_LOADERS));
        long itsKib = its * ITS_KIB;
        return grown(process, "threads", from.threads, to.threads, MORE_THREADS)
                + grown(process, "threads of ours", 0, to.ourThreads, 0)
                + grown(
                        process,
                        "class loaders of jobs",
                        from.jobClassLoaders,
                        to.jobClassLoaders,
                        MORE_LOADERS)
                + grown(
                        process,
                        "classes",
                        from.classes,
                        to.classes,
                        MORE_CLASSES + its * ITS_CLASSES)
                + grown(process, "native libraries", from.libraries, to.libraries, MORE_LOADERS)
                + grown(process, "KiB of heap", from.heapKib, to.heapKib, MORE_HEAP_KIB + itsKib)
                + grown(process, "KiB of the JVM", from.jvmKib, to.jvmKib, MORE_JVM_KIB + itsKib)
                + grown(
                        process,
                        "KiB of native memory",
                        from.nativeKib,
                        to.nativeKib,
                        MORE_NATIVE_KIB + itsKib);
    }

    private static String grown(String process, String what, long from, long to, long tolerance) {
        return to - from <= tolerance
                ? ""
                : String.format("%s: %d %s after %d%n", process, to, what, from);
    }

    @Override
    public void close() {
        flink.close();
        jedis.close();
        redis.close();
    }
}
