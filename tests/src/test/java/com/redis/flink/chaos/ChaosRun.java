package com.redis.flink.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.Directories;
import com.redis.flink.testing.Processes;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;
import com.redis.flink.testing.TcpProxy;

import redis.clients.jedis.Jedis;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * A producer, a Redis that fsyncs every write, a Flink of separate processes, and one job for each
 * ack strategy, all on the same topic under the same faults. Each job also copies the topic,
 * exactly once, and a reader follows the copies.
 */
final class ChaosRun implements AutoCloseable {

    static final String TOPIC = "chaos";
    static final int PARTITIONS = 4;

    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final int TASK_MANAGERS = 2;
    private static final int MAX_PARALLELISM = 4;
    private static final String PASSWORD = "secret";

    /** What users of a managed Redis may not do, as a rule. */
    private static final String FORBIDDEN = "-client|kill -client|list -@scripting";

    /**
     * After these a writer that was given up, or what a connection has kept of it, may stage more
     * when its successor has cleaned up. That expires.
     */
    private static final Set<Fault> LEAVES_ZOMBIES =
            Set.of(Fault.PAUSE_TASK_MANAGER, Fault.CUT_OFF_TASK_MANAGER, Fault.BLACK_HOLE);

    private final Random random;
    private final List<String> strategies;
    private final Consumer<String> log;
    private final long began = System.nanoTime();
    private final Path jar = Path.of(System.getProperty("chaos.job"));
    private final Map<Fault, Integer> injected = new TreeMap<>();
    private final Map<String, Job> jobs = new LinkedHashMap<>();
    private final Set<Process> ended = new HashSet<>();
    private final Path folder;
    private final Reports reports;
    private final RedisServer redis;
    private final TcpProxy proxy;
    private final SessionCluster flink;
    private final Producer producer;

    /** By strategy; empty: the jobs do not copy, since their user may not run scripts. */
    private final Map<String, Copy> copies = new LinkedHashMap<>();

    /**
     * @param limited the jobs' user may not kill or list connections, nor run scripts
     * @param log is told what happens
     */
    ChaosRun(long seed, Collection<String> strategies, boolean limited, Consumer<String> log)
            throws IOException {
        random = new Random(seed);
        this.strategies = List.copyOf(strategies);
        this.log = log;
        folder = Files.createTempDirectory("chaos");
        reports = new Reports(folder);
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--appendonly", "yes", "--appendfsync", "always"));
        arguments.addAll(List.of("--user", "chaos", "on", ">" + PASSWORD, "~*", "&*", "+@all"));
        arguments.addAll(limited ? List.of(FORBIDDEN.split(" ")) : List.of());
        redis = RedisServer.start(arguments.toArray(new String[0]));
        proxy = new TcpProxy(redis.port());
        // Any one TaskManager has room for everything: then the jobs go on when the other is lost.
        flink =
                SessionCluster.startBreakable(
                        TASK_MANAGERS,
                        this.strategies.size() * MAX_PARALLELISM,
                        Map.of(
                                "taskmanager.load-balance.mode",
                                "SLOTS",
                                "web.refresh-interval",
                                "200",
                                "web.checkpoints.history",
                                "100"));
        producer = new Producer(redis, TOPIC, PARTITIONS, seed);
        for (String strategy : limited ? List.<String>of() : this.strategies) {
            copies.put(strategy, new Copy(strategy, PARTITIONS, redis, flink, reports, this::say));
        }
    }

    /** Submits the jobs and begins to produce. */
    void start() throws IOException {
        producer.start();
        submit(Optional.empty(), strategies, 1, MAX_PARALLELISM);
        for (JsonNode job : rest("/jobs/overview").path("jobs")) {
            jobs.put(job.path("name").asText(), new Job(job.path("jid").asText(), MAX_PARALLELISM));
        }
        copies.values().forEach(Copy::start);
        settle();
        say("jobs run: " + jobs.keySet());
    }

    /** Makes it happen, and returns when the fault itself is over. */
    void inject(Fault fault) throws Exception {
        switch (fault) {
            case KILL_TASK_MANAGER:
                killTaskManager();
                break;
            case PAUSE_TASK_MANAGER:
                pauseTaskManager();
                break;
            case CUT_OFF_TASK_MANAGER:
                cutOffTaskManager();
                break;
            case KILL_CONNECTIONS:
                killConnections();
                break;
            case RESTART_REDIS:
                say("kill -9 of Redis");
                redis.stop();
                last(random.nextInt(3000));
                redis.restart();
                break;
            case BLACK_HOLE:
                blackHole();
                break;
            case RESET_CONNECTIONS:
                say("reset of " + proxy.resetAll() + " connections");
                break;
            case RESCALE:
                rescale(true);
                break;
            case RESTORE_CHECKPOINT:
                rescale(false);
                break;
            default:
                throw new IllegalArgumentException(fault.name());
        }
        injected.merge(fault, 1, Integer::sum);
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

    /** Ends production, lets the jobs catch up, and judges their state. */
    Outcome finish() throws Exception {
        producer.stop();
        say("production has ended");
        Outcome outcome = new Outcome(producer.written(), producer.bad(), injected);
        long deadline = System.nanoTime() + LIMIT.toNanos();
        for (String strategy : strategies) {
            Duration left = Duration.ofNanos(Math.max(1, deadline - System.nanoTime()));
            Reports.Counted state = drained(strategy, left);
            outcome.add(verdict(strategy, state));
        }
        outcome.crashed(crashed());
        return outcome;
    }

    void say(String what) {
        log.accept(String.format("[%6.1f s] %s", (System.nanoTime() - began) / 1e9, what));
    }

    /** For who wants to know what went wrong. */
    void copyLogs(Path target) throws IOException {
        flink.copyLogs(target);
        Files.writeString(target.resolve("redis.log"), redis.log());
    }

    @Override
    public void close() {
        producer.close();
        copies.values().forEach(Copy::close);
        flink.close();
        proxy.close();
        redis.close();
        Directories.delete(folder);
    }

    // --- faults ----------------------------------------------------------------------------------

    private void killTaskManager() throws Exception {
        int index = busyTaskManager();
        say("kill -9 of taskmanager-" + index);
        Process process = flink.taskManagers().get(index);
        ended.add(process);
        process.destroyForcibly();
        flink.startTaskManager();
    }

    private void pauseTaskManager() throws Exception {
        await("another TaskManager", () -> taskManagers().size() < TASK_MANAGERS ? null : true);
        int index = busyTaskManager();
        String name = "taskmanager-" + index;
        Process process = flink.taskManagers().get(index);
        say("SIGSTOP of " + name);
        Processes.pause(process);
        try {
            await(name + " is given up", () -> taskManagers().contains(name) ? null : true);
            boolean late = random.nextBoolean();
            if (late) {
                settle(); // its successors have read on
            }
            say("SIGCONT of " + name + (late ? ", replaced long ago" : ", just given up"));
        } finally {
            Processes.resume(process);
        }
    }

    private void cutOffTaskManager() throws Exception {
        await("another TaskManager", () -> taskManagers().size() < TASK_MANAGERS ? null : true);
        int index = busyTaskManager();
        String name = "taskmanager-" + index;
        say("network between JobManager and " + name + " is cut");
        flink.cutOff(index);
        try {
            await(name + " is given up", () -> taskManagers().contains(name) ? null : true);
            settle(); // its successors read
            int millis = random.nextInt(6000);
            say(name + " is replaced, and reads on for " + millis + " ms");
            last(millis);
        } finally {
            flink.connectAgain(index);
        }
    }

    private void killConnections() {
        try (Jedis jedis = redis.jedis()) {
            Object killed = jedis.sendCommand(() -> "CLIENT".getBytes(), "KILL", "TYPE", "normal");
            say("CLIENT KILL of " + killed + " connections");
        }
    }

    private void blackHole() {
        int millis = 500 + random.nextInt(5500);
        boolean reset = random.nextBoolean();
        say("black hole for " + millis + " ms, then " + (reset ? "resets" : "all goes through"));
        proxy.openHole();
        last(millis);
        if (reset) {
            proxy.resetAll();
        }
        proxy.closeHole();
    }

    /** One job, by turns, goes on in another one: from a savepoint or its last checkpoint. */
    private void rescale(boolean savepoint) throws Exception {
        String strategy = strategies.get(random.nextInt(strategies.size()));
        Job job = jobs.get(strategy);
        int parallelism =
                1 + (job.parallelism + random.nextInt(MAX_PARALLELISM - 1)) % MAX_PARALLELISM;
        say(
                (savepoint ? "stop of " : "cancel of ")
                        + strategy
                        + ", restore with parallelism "
                        + parallelism);
        String from = savepoint ? stop(strategy, job) : cancel(job);
        job.restarts += restarts(job.id);
        job.run++;
        job.id = submit(Optional.of(from), List.of(strategy), job.run, parallelism);
        job.parallelism = parallelism;
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
                say("stop of " + strategy + " is tried again: " + firstLine(e));
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
        String[] arguments = {
            "--host", redis.host(),
            "--port", Integer.toString(proxy.port()),
            "--user", "chaos",
            "--password", PASSWORD,
            "--strategies", String.join(",", names),
            "--parallelism", Integer.toString(parallelism),
            "--reports", reports.folder().toString(),
            "--run", Integer.toString(run),
            "--copy", Boolean.toString(!copies.isEmpty())
        };
        return from.isPresent()
                ? flink.runFrom(from.get(), jar, arguments)
                : flink.run(jar, arguments);
    }

    /** One that runs tasks, if there is such a one, by its index. */
    private int busyTaskManager() throws Exception {
        List<String> busy =
                await(
                        "a TaskManager with tasks",
                        () -> {
                            List<String> names = new ArrayList<>();
                            for (JsonNode taskManager :
                                    rest("/taskmanagers").path("taskmanagers")) {
                                int slots = taskManager.path("slotsNumber").asInt();
                                if (taskManager.path("freeSlots").asInt() < slots) {
                                    names.add(taskManager.path("id").asText());
                                }
                            }
                            names.removeIf(name -> ended.contains(process(name)));
                            return names.isEmpty() ? null : names;
                        });
        return index(busy.get(random.nextInt(busy.size())));
    }

    private List<String> taskManagers() throws Exception {
        List<String> names = new ArrayList<>();
        for (JsonNode taskManager : rest("/taskmanagers").path("taskmanagers")) {
            names.add(taskManager.path("id").asText());
        }
        return names;
    }

    private Process process(String name) {
        return flink.taskManagers().get(index(name));
    }

    private static int index(String name) {
        return Integer.parseInt(name.substring(name.indexOf('-') + 1));
    }

    /** A fault's own duration. */
    private static void last(int millis) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    // --- judgment --------------------------------------------------------------------------------

    /**
     * The state when it has everything, or has not for so long that it will not; with two more
     * checkpoints, so that what comes twice late is seen too.
     */
    private Reports.Counted drained(String strategy, Duration limit) throws IOException {
        try {
            Await.until(
                    strategy + " has counted everything",
                    limit,
                    () ->
                            reports.newest(strategy)
                                    .filter(c -> c.lost(producer.numbers()) == 0)
                                    .isPresent());
            settle();
        } catch (AssertionError e) {
            say(firstLine(e));
        }
        return reports.newest(strategy).orElseThrow();
    }

    private Outcome.Line verdict(String strategy, Reports.Counted state) throws Exception {
        Job job = jobs.get(strategy);
        Outcome.Line line = new Outcome.Line(strategy);
        line.counted = state.total();
        line.lost = state.lost(producer.numbers());
        line.duplicated = state.duplicated();
        line.restarts = job.restarts + restarts(job.id);
        line.runs = job.run;
        line.problems = state.problems(producer.numbers());
        try (Jedis jedis = redis.jedis()) {
            line.pending = settled(() -> Streams.pending(jedis, TOPIC, PARTITIONS, strategy));
            line.lag = settled(() -> Streams.lag(jedis, TOPIC, PARTITIONS, strategy));
            line.readDeadLetters(
                    Streams.values(jedis, "bad-" + strategy, "number"), producer.bad());
            if (copies.containsKey(strategy)) {
                line.copied = judge(copies.get(strategy), jedis);
            }
        }
        return line;
    }

    private Outcome.Copied judge(Copy copy, Jedis jedis) throws Exception {
        settled(() -> copy.lost(producer.numbers())); // what was committed last is still to be read
        copy.stop();
        Outcome.Copied copied = new Outcome.Copied();
        copied.read = copy.read();
        copied.lost = copy.lost(producer.numbers());
        copied.duplicated = copy.duplicated();
        copied.misordered = copy.misordered();
        copied.early = copy.early();
        copied.unchecked = copy.checks() == 0;
        copied.problems = copy.problems();
        boolean zombies = LEAVES_ZOMBIES.stream().anyMatch(injected::containsKey);
        for (String key : Streams.staged(jedis, copy.topic())) {
            copied.staged++;
            if (!zombies || jedis.ttl(key) == -1) {
                copied.problems += "    left behind: " + key + ", TTL " + jedis.ttl(key) + '\n';
            }
        }
        return copied;
    }

    /** What is not zero yet may become so with the next checkpoints. */
    private long settled(Callable<Long> number) throws Exception {
        try {
            return Await.value("zero", Duration.ofSeconds(15), number, n -> n == 0);
        } catch (AssertionError e) {
            return number.call();
        }
    }

    private int restarts(String id) throws Exception {
        return rest("/jobs/" + id + "/checkpoints").path("counts").path("restored").asInt();
    }

    /** TaskManagers that ended although nobody killed them. */
    private List<String> crashed() {
        List<String> names = new ArrayList<>();
        List<Process> all = flink.taskManagers();
        for (int i = 0; i < all.size(); i++) {
            if (!all.get(i).isAlive() && !ended.contains(all.get(i))) {
                names.add("taskmanager-" + i + ": exit code " + all.get(i).exitValue());
            }
        }
        return names;
    }

    private void warn(String strategy, Reports.Counted counted) {
        Job job = jobs.get(strategy);
        if (job != null && counted.duplicated() != job.duplicated) {
            job.duplicated = counted.duplicated();
            say("!! " + strategy + ": " + job.duplicated + " duplicated at " + counted.checkpoint);
        }
        if (job != null && counted.gaps() != job.gaps) {
            job.gaps = counted.gaps();
            say("!! " + strategy + ": " + job.gaps + " gaps at " + counted.checkpoint);
        }
    }

    // --- waiting ---------------------------------------------------------------------------------

    private JsonNode rest(String path) throws IOException {
        try {
            return flink.rest(path);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    /** Until the value is neither null nor empty. */
    private <T> T await(String what, Callable<T> source) {
        return Await.value(
                what,
                LIMIT,
                source,
                value ->
                        value != null
                                && !(value instanceof Optional && ((Optional<?>) value).isEmpty()));
    }

    private static String firstLine(Throwable e) {
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
