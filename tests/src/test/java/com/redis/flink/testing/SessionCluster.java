package com.redis.flink.testing;

import com.fasterxml.jackson.databind.JsonNode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * A real Flink: a JobManager and TaskManagers in JVMs of their own, put together from the jars of
 * Maven Central that a Flink distribution has in {@code lib/}. Jobs come in as a jar by {@code
 * flink run}, so their classes (and our library) are loaded by Flink's class loader for a job, as
 * on a user's cluster.
 */
public final class SessionCluster implements AutoCloseable {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(90);
    private static final String LONG_HEARTBEAT_MILLIS = "40000";

    private final Path folder;

    /** Whether each TaskManager reaches the JobManager through a proxy of its own. */
    private final boolean breakable;

    private final FlinkConfiguration configuration;
    private final FlinkProcesses processes;
    private final FlinkRest rest;
    private final FlinkJobs jobs;
    private final Map<Integer, TcpProxy> proxies = new ConcurrentHashMap<>();
    private final List<TcpProxy> blobProxies = new ArrayList<>();
    private final Process jobManager;
    private final List<Process> taskManagers = new ArrayList<>();
    private final Thread atExit = new Thread(this::kill, "end-flink");

    private SessionCluster(
            int slots,
            Map<String, String> extraOptions,
            boolean breakable,
            boolean measurable,
            String library)
            throws IOException {
        this.breakable = breakable;
        folder = Files.createTempDirectory("flink-session");
        configuration = new FlinkConfiguration(folder);
        processes = new FlinkProcesses(folder, configuration.directory(), measurable, library);
        rest = new FlinkRest(configuration.restPort);
        jobs = new FlinkJobs(processes, rest, folder.resolve("savepoints"));
        Runtime.getRuntime().addShutdownHook(atExit);
        String address = breakable ? FlinkConfiguration.JOB_MANAGER : "127.0.0.1";
        configuration.write(address, slots, extraOptions);
        List<String> jvmOptions = processes.heapOptions();
        if (breakable) {
            Path hosts = configuration.writeHosts("jobmanager", "127.0.0.1");
            jvmOptions.add("-Djdk.net.hosts.file=" + hosts);
        }
        jobManager =
                processes.java(
                        "jobmanager",
                        jvmOptions,
                        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
                        "--configDir",
                        configuration.directory().toString());
    }

    /**
     * Starts a JobManager and TaskManagers with so many slots each, and waits until they know each
     * other.
     */
    public static SessionCluster start(int taskManagers, int slots) throws IOException {
        return start(taskManagers, slots, Map.of());
    }

    /** The same with further options of Flink's configuration. */
    public static SessionCluster start(int taskManagers, int slots, Map<String, String> options)
            throws IOException {
        return start(taskManagers, new SessionCluster(slots, options, false, false, ""));
    }

    /** The same with a class path in {@code lib/}: for all jobs, and not by their class loaders. */
    public static SessionCluster startWithLibrary(
            int taskManagers, int slots, Map<String, String> options, String library)
            throws IOException {
        return start(taskManagers, new SessionCluster(slots, options, false, false, library));
    }

    /**
     * The same with JVMs whose memory can be measured: they have all of their heap from the
     * beginning, account for the native memory of their own ({@code jcmd VM.native_memory}), and
     * share one arena of the allocator, so that what is freed does not stay behind in many.
     */
    public static SessionCluster startMeasurable(
            int taskManagers, int slots, Map<String, String> options) throws IOException {
        return start(taskManagers, new SessionCluster(slots, options, false, true, ""));
    }

    /**
     * The same with TaskManagers that can be {@link #cutOff}: they take much longer to notice it
     * than the JobManager, and work on meanwhile.
     */
    public static SessionCluster startBreakable(
            int taskManagers, int slots, Map<String, String> options) throws IOException {
        return start(taskManagers, new SessionCluster(slots, options, true, false, ""));
    }

    private static SessionCluster start(int taskManagers, SessionCluster cluster)
            throws IOException {
        try {
            for (int i = 0; i < taskManagers; i++) {
                cluster.startTaskManager();
            }
            Await.until(
                    taskManagers + " TaskManagers",
                    START_TIMEOUT,
                    () -> cluster.rest("/overview").path("taskmanagers").asInt() == taskManagers);
            return cluster;
        } catch (Throwable e) {
            String log = cluster.log("jobmanager");
            cluster.close();
            throw new IOException("the session cluster did not start\n" + log, e);
        }
    }

    /**
     * Starts one more TaskManager; does not wait until the JobManager knows it. Its resource ID in
     * Flink is {@code taskmanager-} and its index in {@link #taskManagers}.
     */
    public Process startTaskManager() throws IOException {
        String name = "taskmanager-" + taskManagers.size();
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--configDir", configuration.directory().toString()));
        arguments.addAll(List.of("-D", "taskmanager.resource-id=" + name));
        Map<String, String> options = FlinkConfiguration.taskManagerMemory();
        List<String> jvmOptions = processes.heapOptions();
        jvmOptions.add("-XX:MaxDirectMemorySize=256m");
        if (breakable) {
            // Where this one finds the JobManager: behind proxies on a loopback address of its own.
            String address = "127.0.1." + (1 + taskManagers.size());
            proxies.put(
                    taskManagers.size(),
                    new TcpProxy(address, configuration.rpcPort, configuration.rpcPort));
            blobProxies.add(new TcpProxy(address, configuration.blobPort, configuration.blobPort));
            jvmOptions.add("-Djdk.net.hosts.file=" + configuration.writeHosts(name, address));
            options.put("heartbeat.timeout", LONG_HEARTBEAT_MILLIS);
        }
        for (Map.Entry<String, String> option : options.entrySet()) {
            arguments.addAll(List.of("-D", option.getKey() + "=" + option.getValue()));
        }
        Process process =
                processes.java(
                        name,
                        jvmOptions,
                        "org.apache.flink.runtime.taskexecutor.TaskManagerRunner",
                        arguments.toArray(new String[0]));
        taskManagers.add(process);
        return process;
    }

    public Process jobManager() {
        return jobManager;
    }

    /** In the order in which they were started; those that were killed stay in the list. */
    public List<Process> taskManagers() {
        return List.copyOf(taskManagers);
    }

    /**
     * Nothing goes through between the JobManager and a TaskManager any more: it is given up and
     * does not know.
     */
    public void cutOff(int taskManager) {
        proxies.get(taskManager).openHole();
    }

    /** Ends a {@link #cutOff}. */
    public void connectAgain(int taskManager) {
        proxies.get(taskManager).closeHole();
    }

    /** Submits a job by {@code flink run -d} and returns its ID. */
    public String run(Path jar, String... arguments) throws IOException {
        return jobs.run(List.of(), jar, arguments);
    }

    /** Submits a job by {@code flink run -d -s}: it goes on from a savepoint. Returns its ID. */
    public String runFrom(String savepoint, Path jar, String... arguments) throws IOException {
        return jobs.run(List.of("-s", savepoint), jar, arguments);
    }

    /** Uploads a jar, as the web interface does, and returns its ID: it can be run many times. */
    public String upload(Path jar) throws IOException, InterruptedException {
        return jobs.upload(jar);
    }

    /**
     * Runs a jar that was {@link #upload}ed, without a process of its own; returns the job's ID.
     */
    public String runUploaded(String jarId, String... arguments)
            throws IOException, InterruptedException {
        return jobs.runUploaded(jarId, arguments);
    }

    /** Cancels a job by Flink's REST API; does not wait until it is. */
    public void cancelByRest(String jobId) throws IOException, InterruptedException {
        jobs.cancelByRest(jobId);
    }

    /** Cancels a job by {@code flink cancel}; does not wait until it is. */
    public void cancel(String jobId) throws IOException {
        jobs.cancel(jobId);
    }

    /**
     * Stops a job with a savepoint.
     *
     * @return where the savepoint is
     * @throws IOException Flink refused or gave up, as it does when a task fails meanwhile: the job
     *     may run on
     */
    public String stopWithSavepoint(String jobId, Duration limit)
            throws IOException, InterruptedException {
        return jobs.stopWithSavepoint(jobId, limit);
    }

    /** Waits until all of a job's tasks run. */
    public void awaitRunning(String jobId, Duration limit) {
        jobs.awaitRunning(jobId, limit);
    }

    /** Waits until a job is in a state, by its name in Flink's REST API. */
    public void awaitState(String jobId, String state, Duration limit) {
        jobs.awaitState(jobId, state, limit);
    }

    /** Returns the answer of Flink's REST API to a GET. */
    public JsonNode rest(String path) throws IOException, InterruptedException {
        return rest.get(path);
    }

    /** Copies all logs to a folder, for whoever wants to know what went wrong. */
    public void copyLogs(Path target) throws IOException {
        processes.copyLogs(target);
    }

    /** Returns what {@code jobmanager} or {@code taskmanager-0} has printed and logged. */
    public String log(String name) throws IOException {
        return processes.log(name);
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(atExit);
        kill();
        proxies.values().forEach(TcpProxy::close);
        blobProxies.forEach(TcpProxy::close);
        Directories.delete(folder);
    }

    private void kill() {
        List<Process> all = new ArrayList<>(taskManagers);
        if (jobManager != null) {
            all.add(jobManager);
        }
        all.forEach(Process::destroyForcibly);
        all.forEach(process -> process.onExit().orTimeout(10, TimeUnit.SECONDS).join());
    }
}
