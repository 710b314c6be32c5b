package com.redis.flink.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.SessionCluster;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** The jobs of a run by ack strategy: submits, stops and restores them, waits for checkpoints. */
final class ChaosJobs {

    static final int MAX_PARALLELISM = 4;

    private static final Duration LIMIT = Duration.ofSeconds(90);

    private final Path jar = Path.of(System.getProperty("chaos.job"));
    private final SessionCluster flink;
    private final Reports reports;
    private final List<String> strategies;
    private final List<String> arguments;
    private final Consumer<String> log;
    private final Map<String, Job> jobs = new LinkedHashMap<>();

    /**
     * @param arguments those of the job that are the same in every run of it
     * @param log is told what happens
     */
    ChaosJobs(
            SessionCluster flink,
            Reports reports,
            List<String> strategies,
            List<String> arguments,
            Consumer<String> log) {
        this.flink = flink;
        this.reports = reports;
        this.strategies = strategies;
        this.arguments = arguments;
        this.log = log;
    }

    List<String> strategies() {
        return strategies;
    }

    /** Submits one job for each strategy, all by one {@code flink run}; does not wait for them. */
    void start() throws IOException {
        submit(Optional.empty(), strategies, 1, MAX_PARALLELISM);
        for (JsonNode job : rest("/jobs/overview").path("jobs")) {
            jobs.put(job.path("name").asText(), new Job(job.path("jid").asText(), MAX_PARALLELISM));
        }
    }

    /** Waits until every job has completed a checkpoint that it began after now. */
    void settle() {
        Map<String, Reports.Checkpoint> before = new LinkedHashMap<>();
        for (String strategy : strategies) {
            await("a checkpoint of " + strategy, () -> reports.newest(strategy))
                    .ifPresent(counted -> before.put(strategy, counted.checkpoint));
        }
        for (int i = 0; i < 2; i++) { // the first one may have begun before
            for (String strategy : strategies) {
                Reports.Checkpoint old = before.get(strategy);
                Reports.Counted now =
                        await(
                                        "a checkpoint of " + strategy + " after " + old,
                                        () ->
                                                reports.newest(strategy)
                                                        .filter(c -> !c.checkpoint.equals(old)))
                                .get();
                before.put(strategy, now.checkpoint);
                warn(strategy, now);
            }
        }
    }

    int parallelism(String strategy) {
        return jobs.get(strategy).parallelism;
    }

    /** Stops a job with a savepoint and goes on from it in another one. */
    void rescale(String strategy, int parallelism) throws Exception {
        log.accept("stop of " + strategy + ", restore with parallelism " + parallelism);
        restore(strategy, stop(strategy, jobs.get(strategy)), parallelism);
    }

    /** Cancels a job and goes on from its last checkpoint in another one. */
    void restoreCheckpoint(String strategy, int parallelism) throws Exception {
        log.accept("cancel of " + strategy + ", restore with parallelism " + parallelism);
        restore(strategy, cancel(jobs.get(strategy)), parallelism);
    }

    private void restore(String strategy, String from, int parallelism) throws IOException {
        Job job = jobs.get(strategy);
        job.restarts += restored(job.id);
        job.run++;
        job.id = submit(Optional.of(from), List.of(strategy), job.run, parallelism);
        job.parallelism = parallelism;
    }

    /** Returns how often a strategy's job was submitted. */
    int runs(String strategy) {
        return jobs.get(strategy).run;
    }

    /** Returns how often a strategy's job was restored from a checkpoint or savepoint. */
    int restarts(String strategy) throws IOException {
        Job job = jobs.get(strategy);
        return job.restarts + restored(job.id);
    }

    private String stop(String strategy, Job job) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            flink.awaitRunning(job.id, LIMIT);
            try {
                return flink.stopWithSavepoint(job.id, LIMIT);
            } catch (IOException e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
                log.accept("stop of " + strategy + " is tried again: " + firstLine(e));
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(500));
            }
        }
    }

    private String cancel(Job job) throws Exception {
        flink.cancel(job.id);
        flink.awaitState(job.id, "CANCELED", LIMIT);
        return rest("/jobs/" + job.id + "/checkpoints")
                .path("latest")
                .path("completed")
                .path("external_path")
                .asText();
    }

    private String submit(Optional<String> from, List<String> names, int run, int parallelism)
            throws IOException {
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of("--strategies", String.join(",", names)));
        all.addAll(List.of("--parallelism", Integer.toString(parallelism)));
        all.addAll(List.of("--run", Integer.toString(run)));
        String[] array = all.toArray(new String[0]);
        return from.isPresent() ? flink.runFrom(from.get(), jar, array) : flink.run(jar, array);
    }

    private int restored(String id) throws IOException {
        return rest("/jobs/" + id + "/checkpoints").path("counts").path("restored").asInt();
    }

    private void warn(String strategy, Reports.Counted counted) {
        Job job = jobs.get(strategy);
        if (job != null && counted.duplicated() != job.duplicated) {
            job.duplicated = counted.duplicated();
            log.accept(
                    "!! "
                            + strategy
                            + ": "
                            + job.duplicated
                            + " duplicated at "
                            + counted.checkpoint);
        }
        if (job != null && counted.gaps() != job.gaps) {
            job.gaps = counted.gaps();
            log.accept("!! " + strategy + ": " + job.gaps + " gaps at " + counted.checkpoint);
        }
    }

    private JsonNode rest(String path) throws IOException {
        try {
            return flink.rest(path);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** Waits until the value is neither null nor empty. */
    private static <T> T await(String what, Callable<T> source) {
        return Await.value(
                what,
                LIMIT,
                source,
                value ->
                        value != null
                                && !(value instanceof Optional && ((Optional<?>) value).isEmpty()));
    }

    static String firstLine(Throwable e) {
        return String.valueOf(e.getMessage()).split("\n")[0];
    }

    private static final class Job {

        private String id;
        private int parallelism;
        private int run = 1;
        private int restarts;
        private long duplicated;
        private long gaps;

        Job(String id, int parallelism) {
            this.id = id;
            this.parallelism = parallelism;
        }
    }
}
