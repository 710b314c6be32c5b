package com.redis.flink.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.Processes;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;
import com.redis.flink.testing.TcpProxy;

import redis.clients.jedis.Jedis;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/** Makes each fault happen on the real parts of a run, and counts them. */
final class FaultInjector {

    private static final Duration LIMIT = Duration.ofSeconds(90);

    private final Random random;
    private final SessionCluster flink;
    private final int wantedTaskManagers;
    private final RedisServer redis;
    private final TcpProxy proxy;
    private final ChaosJobs jobs;
    private final Consumer<String> log;
    private final Map<Fault, Integer> injected = new TreeMap<>();

    /** The TaskManagers that were killed. */
    private final Set<Process> ended = new HashSet<>();

    /**
     * @param taskManagers as many as there are while nothing is wrong
     * @param proxy between the jobs and Redis
     * @param log is told what happens
     */
    FaultInjector(
            Random random,
            SessionCluster flink,
            int taskManagers,
            RedisServer redis,
            TcpProxy proxy,
            ChaosJobs jobs,
            Consumer<String> log) {
        this.random = random;
        this.flink = flink;
        wantedTaskManagers = taskManagers;
        this.redis = redis;
        this.proxy = proxy;
        this.jobs = jobs;
        this.log = log;
    }

    /** Makes a fault happen, and returns when the fault itself is over. */
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
                restartRedis();
                break;
            case BLACK_HOLE:
                blackHole();
                break;
            case RESET_CONNECTIONS:
                log.accept("reset of " + proxy.resetAll() + " connections");
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

    /** Returns how often each fault has happened; none that never has. */
    Map<Fault, Integer> injected() {
        return Collections.unmodifiableMap(injected);
    }

    /** Returns the TaskManagers that ended although nobody killed them. */
    List<String> crashed() {
        List<String> names = new ArrayList<>();
        List<Process> all = flink.taskManagers();
        for (int i = 0; i < all.size(); i++) {
            if (!all.get(i).isAlive() && !ended.contains(all.get(i))) {
                names.add("taskmanager-" + i + ": exit code " + all.get(i).exitValue());
            }
        }
        return names;
    }

    private void killTaskManager() throws Exception {
        int index = busyTaskManager();
        log.accept("kill -9 of taskmanager-" + index);
        Process process = flink.taskManagers().get(index);
        ended.add(process);
        process.destroyForcibly();
        flink.startTaskManager();
    }

    private void pauseTaskManager() throws Exception {
        await(
                "another TaskManager",
                () -> taskManagers().size() < wantedTaskManagers ? null : true);
        int index = busyTaskManager();
        String name = "taskmanager-" + index;
        Process process = flink.taskManagers().get(index);
        log.accept("SIGSTOP of " + name);
        Processes.pause(process);
        try {
            await(name + " is given up", () -> taskManagers().contains(name) ? null : true);
            boolean late = random.nextBoolean();
            if (late) {
                jobs.settle(); // its successors have read on
            }
            log.accept("SIGCONT of " + name + (late ? ", replaced long ago" : ", just given up"));
        } finally {
            Processes.resume(process);
        }
    }

    private void cutOffTaskManager() throws Exception {
        await(
                "another TaskManager",
                () -> taskManagers().size() < wantedTaskManagers ? null : true);
        int index = busyTaskManager();
        String name = "taskmanager-" + index;
        log.accept("network between JobManager and " + name + " is cut");
        flink.cutOff(index);
        try {
            await(name + " is given up", () -> taskManagers().contains(name) ? null : true);
            jobs.settle(); // its successors read
            int millis = random.nextInt(6000);
            log.accept(name + " is replaced, and reads on for " + millis + " ms");
            last(millis);
        } finally {
            flink.connectAgain(index);
        }
    }

    private void killConnections() {
        try (Jedis jedis = redis.jedis()) {
            Object killed = jedis.sendCommand(() -> "CLIENT".getBytes(), "KILL", "TYPE", "normal");
            log.accept("CLIENT KILL of " + killed + " connections");
        }
    }

    private void blackHole() {
        int millis = 500 + random.nextInt(5500);
        boolean reset = random.nextBoolean();
        log.accept(
                "black hole for "
                        + millis
                        + " ms, then "
                        + (reset ? "resets" : "all goes through"));
        proxy.openHole();
        last(millis);
        if (reset) {
            proxy.resetAll();
        }
        proxy.closeHole();
    }

    private void restartRedis() throws Exception {
        log.accept("kill -9 of Redis");
        redis.stop();
        last(random.nextInt(3000));
        redis.restart();
    }

    /** Has one job go on in another one: from a savepoint or its last checkpoint. */
    private void rescale(boolean savepoint) throws Exception {
        String strategy = jobs.strategies().get(random.nextInt(jobs.strategies().size()));
        int others = ChaosJobs.MAX_PARALLELISM - 1;
        int parallelism =
                1
                        + (jobs.parallelism(strategy) + random.nextInt(others))
                                % ChaosJobs.MAX_PARALLELISM;
        if (savepoint) {
            jobs.rescale(strategy, parallelism);
        } else {
            jobs.restoreCheckpoint(strategy, parallelism);
        }
    }

    /** Waits for a TaskManager that runs tasks, and returns its index. */
    private int busyTaskManager() throws Exception {
        List<String> busy =
                await(
                        "a TaskManager with tasks",
                        () -> {
                            List<String> names = new ArrayList<>();
                            for (JsonNode taskManager :
                                    flink.rest("/taskmanagers").path("taskmanagers")) {
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
        for (JsonNode taskManager : flink.rest("/taskmanagers").path("taskmanagers")) {
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

    /** Waits for a fault's own duration. */
    private static void last(int millis) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }

    private static <T> T await(String what, Callable<T> source) {
        return Await.value(what, LIMIT, source, value -> value != null);
    }
}
