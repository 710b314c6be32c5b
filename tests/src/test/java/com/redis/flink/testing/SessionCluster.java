package com.redis.flink.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A real Flink: a JobManager and TaskManagers in JVMs of their own, put together from the jars of
 * Maven Central that a Flink distribution has in {@code lib/}. Jobs come in as a jar by {@code
 * flink run}, so their classes (and our library) are loaded by Flink's class loader for a job, as
 * on a user's cluster.
 */
public final class SessionCluster implements AutoCloseable {

    private static final Duration START_TIMEOUT = Duration.ofSeconds(90);
    private static final Duration CLI_TIMEOUT = Duration.ofSeconds(90);
    private static final String HEAP = "384m";

    /** The JVM of the cluster, if it is not to be that of the test. */
    private static final String JAVA_HOME = "FLINK_REDIS_TEST_CLUSTER_JAVA_HOME";

    private static final String JOB_MANAGER = "jobmanager.test";
    private static final String LONG_HEARTBEAT_MILLIS = "40000";
    private static final Duration REST_TIMEOUT = Duration.ofSeconds(20);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern JOB_ID = Pattern.compile("JobID ([0-9a-f]{32})");

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
    private final Path folder;
    private final int restPort = Ports.free();
    private final int slots;
    private final Map<String, String> extraOptions;

    /** Whether each TaskManager reaches the JobManager through a proxy of its own. */
    private final boolean breakable;

    /** Whether what its JVMs allocate can be told apart from what they grow by themselves. */
    private final boolean measurable;

    /** What is in Flink's {@code lib/} beside Flink itself; empty: nothing. */
    private final String library;

    private final Map<Integer, TcpProxy> proxies = new ConcurrentHashMap<>();
    private final List<TcpProxy> blobProxies = new ArrayList<>();
    private final int rpcPort = Ports.free();
    private final int blobPort = Ports.free();
    private final Process jobManager;
    private final List<Process> taskManagers = new ArrayList<>();
    private final Thread atExit = new Thread(this::kill, "end-flink");

    private SessionCluster(
            int slots, Map<String, String> extraOptions, boolean breakable, boolean measurable)
            throws IOException {
        this(slots, extraOptions, breakable, measurable, "");
    }

    private SessionCluster(
            int slots,
            Map<String, String> extraOptions,
            boolean breakable,
            boolean measurable,
            String library)
            throws IOException {
        this.library = library;
        this.slots = slots;
        this.breakable = breakable;
        this.measurable = measurable;
        this.extraOptions = extraOptions;
        folder = Files.createTempDirectory("flink-session");
        Runtime.getRuntime().addShutdownHook(atExit);
        writeConfiguration();
        List<String> jobManagerOptions = heapOptions();
        if (breakable) {
            jobManagerOptions.add("-Djdk.net.hosts.file=" + hosts("jobmanager", "127.0.0.1"));
        }
        jobManager =
                java(
                        "jobmanager",
                        jobManagerOptions,
                        "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
                        "--configDir",
                        configuration().toString());
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
        return start(taskManagers, new SessionCluster(slots, options, false, false));
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
        return start(taskManagers, new SessionCluster(slots, options, false, true));
    }

    /**
     * The same with TaskManagers that can be {@link #cutOff}: they take much longer to notice it
     * than the JobManager, and work on meanwhile.
     */
    public static SessionCluster startBreakable(
            int taskManagers, int slots, Map<String, String> options) throws IOException {
        return start(taskManagers, new SessionCluster(slots, options, true, false));
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
        arguments.addAll(List.of("--configDir", configuration().toString()));
        arguments.addAll(List.of("-D", "taskmanager.resource-id=" + name));
        Map<String, String> options = taskManagerMemory();
        List<String> jvmOptions = heapOptions();
        jvmOptions.add("-XX:MaxDirectMemorySize=256m");
        if (breakable) {
            // Where this one finds the JobManager: behind proxies on a loopback address of its own.
            String address = "127.0.1." + (1 + taskManagers.size());
            proxies.put(taskManagers.size(), new TcpProxy(address, rpcPort, rpcPort));
            blobProxies.add(new TcpProxy(address, blobPort, blobPort));
            jvmOptions.add("-Djdk.net.hosts.file=" + hosts(name, address));
            options.put("heartbeat.timeout", LONG_HEARTBEAT_MILLIS);
        }
        for (Map.Entry<String, String> option : options.entrySet()) {
            arguments.addAll(List.of("-D", option.getKey() + "=" + option.getValue()));
        }
        Process process =
                java(
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

    /** {@code flink run -d}: returns the job's ID. */
    public String run(Path jar, String... arguments) throws IOException {
        return run(List.of(), jar, arguments);
    }

    /** {@code flink run -d -s}: the job goes on from a savepoint. */
    public String runFrom(String savepoint, Path jar, String... arguments) throws IOException {
        return run(List.of("-s", savepoint), jar, arguments);
    }

    private String run(List<String> options, Path jar, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("run", "-d"));
        command.addAll(options);
        command.add(jar.toString());
        command.addAll(List.of(arguments));
        String output = flink(command);
        Matcher id = JOB_ID.matcher(output);
        if (!id.find()) {
            throw new AssertionError("flink run did not submit the job:\n" + output);
        }
        return id.group(1);
    }

    /** Gives a jar to the cluster, as the web interface does: it can be run many times. */
    public String upload(Path jar) throws IOException, InterruptedException {
        String boundary = "----jar";
        String head =
                "--"
                        + boundary
                        + "\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\""
                        + jar.getFileName()
                        + "\"\r\nContent-Type: application/java-archive\r\n\r\n";
        HttpRequest request =
                request("/jars/upload")
                        .header("Content-Type", "multipart/form-data; boundary=" + boundary)
                        .POST(
                                HttpRequest.BodyPublishers.ofByteArrays(
                                        List.of(
                                                head.getBytes(StandardCharsets.UTF_8),
                                                Files.readAllBytes(jar),
                                                ("\r\n--" + boundary + "--\r\n")
                                                        .getBytes(StandardCharsets.UTF_8))))
                        .build();
        String name = send(request).path("filename").asText();
        return name.substring(name.lastIndexOf('/') + 1);
    }

    /** Runs a jar that was {@link #upload}ed, without a process of its own; gives the job's ID. */
    public String runUploaded(String jarId, String... arguments)
            throws IOException, InterruptedException {
        ObjectNode body = JSON.createObjectNode();
        List.of(arguments).forEach(body.putArray("programArgsList")::add);
        JsonNode answer = post("/jars/" + jarId + "/run", body.toString());
        if (!answer.has("jobid")) {
            throw new AssertionError("the job was not submitted: " + answer);
        }
        return answer.path("jobid").asText();
    }

    /** Cancels a job by Flink's REST API; does not wait until it is. */
    public void cancelByRest(String jobId) throws IOException, InterruptedException {
        send(
                request("/jobs/" + jobId + "?mode=cancel")
                        .method("PATCH", HttpRequest.BodyPublishers.noBody())
                        .build());
    }

    /** {@code flink cancel}. */
    public void cancel(String jobId) throws IOException {
        flink(List.of("cancel", jobId));
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
        String body =
                JSON.createObjectNode()
                        .put("targetDirectory", folder.resolve("savepoints").toUri().toString())
                        .put("drain", false)
                        .toString();
        JsonNode trigger = post("/jobs/" + jobId + "/stop", body).path("request-id");
        if (trigger.isMissingNode()) {
            throw new IOException("job " + jobId + " cannot be stopped now");
        }
        String status = "/jobs/" + jobId + "/savepoints/" + trigger.asText();
        JsonNode done =
                Await.value(
                        "job " + jobId + " is stopped with a savepoint",
                        limit,
                        () -> rest(status),
                        answer -> answer.path("status").path("id").asText().equals("COMPLETED"));
        String location = done.path("operation").path("location").asText();
        if (location.isEmpty()) {
            String cause = done.at("/operation/failure-cause/stack-trace").asText();
            throw new IOException(
                    "job " + jobId + " was not stopped: " + cause.lines().findFirst().orElse(""));
        }
        return location;
    }

    /** Waits until all of a job's tasks run. */
    public void awaitRunning(String jobId, Duration limit) {
        Await.value(
                "all tasks of job " + jobId + " run",
                limit,
                () -> rest("/jobs/" + jobId).path("vertices"),
                vertices -> {
                    boolean all = vertices.size() > 0;
                    for (JsonNode vertex : vertices) {
                        all &= vertex.path("status").asText().equals("RUNNING");
                    }
                    return all;
                });
    }

    public void awaitState(String jobId, String state, Duration limit) {
        Await.value(
                "job " + jobId + " is " + state,
                limit,
                () -> rest("/jobs/" + jobId).path("state").asText(),
                state::equals);
    }

    /** The answer of Flink's REST API. */
    public JsonNode rest(String path) throws IOException, InterruptedException {
        return send(request(path).build());
    }

    private JsonNode post(String path, String body) throws IOException, InterruptedException {
        return send(
                request(path)
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + restPort + path))
                .timeout(REST_TIMEOUT);
    }

    private JsonNode send(HttpRequest request) throws IOException, InterruptedException {
        return JSON.readTree(http.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    /** Copies all logs to a folder, for who wants to know what went wrong. */
    public void copyLogs(Path target) throws IOException {
        Files.createDirectories(target);
        try (DirectoryStream<Path> logs = Files.newDirectoryStream(folder, "*.{log,out}")) {
            for (Path log : logs) {
                Files.copy(
                        log,
                        target.resolve(log.getFileName()),
                        StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }

    /** What {@code jobmanager} or {@code taskmanager-0} has logged. */
    public String log(String name) throws IOException {
        StringBuilder log = new StringBuilder();
        for (String ending : List.of(".out", ".log")) {
            Path file = folder.resolve(name + ending);
            log.append(Files.exists(file) ? Files.readString(file) : "");
        }
        return log.toString();
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

    private List<String> heapOptions() {
        List<String> options = new ArrayList<>(List.of("-Xmx" + HEAP));
        if (measurable) {
            options.addAll(List.of("-Xms" + HEAP, "-XX:+AlwaysPreTouch"));
            options.add("-XX:NativeMemoryTracking=summary");
        }
        return options;
    }

    /** What the script {@code flink} runs. */
    private String flink(List<String> arguments) throws IOException {
        String name = "cli-" + arguments.get(0);
        Process cli =
                java(
                        name,
                        List.of("-Xmx256m"),
                        "org.apache.flink.client.cli.CliFrontend",
                        arguments.toArray(new String[0]));
        try {
            if (!cli.waitFor(CLI_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("flink " + arguments + " did not end:\n" + log(name));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        } finally {
            cli.destroyForcibly();
        }
        if (cli.exitValue() != 0) {
            throw new AssertionError("flink " + arguments + " failed:\n" + log(name));
        }
        return log(name);
    }

    private Process java(String name, List<String> options, String main, String... arguments)
            throws IOException {
        List<String> command = new ArrayList<>();
        String home = System.getenv().getOrDefault(JAVA_HOME, System.getProperty("java.home"));
        command.add(Path.of(home, "bin", "java").toString());
        command.addAll(options);
        // The options of Flink's own configuration file that matter here, and a JVM that starts
        // fast.
        for (String opened : List.of("lang", "net", "io", "nio", "text", "time", "util")) {
            command.add("--add-opens=java.base/java." + opened + "=ALL-UNNAMED");
        }
        command.add("--add-opens=java.base/java.util.concurrent=ALL-UNNAMED");
        command.add("-XX:+UseSerialGC");
        command.add("-XX:TieredStopAtLevel=1");
        command.add("-Djava.io.tmpdir=" + folder.resolve("tmp"));
        command.add("-Dtest.log=" + folder.resolve(name));
        command.add("-Dlog4j2.configurationFile=" + System.getProperty("log4j2.configurationFile"));
        String classpath = System.getProperty("session.cluster.classpath");
        if (!library.isEmpty()) {
            classpath += File.pathSeparator + library;
        }
        command.addAll(List.of("-cp", classpath, main));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("FLINK_CONF_DIR", configuration().toString());
        if (measurable) {
            builder.environment().put("MALLOC_ARENA_MAX", "1");
        }
        File output = folder.resolve(name + ".out").toFile();
        return builder.redirectErrorStream(true).redirectOutput(output).start();
    }

    /** For one JVM: what it thinks the JobManager's address is. */
    private Path hosts(String name, String jobManagerAddress) throws IOException {
        String text = jobManagerAddress + " " + JOB_MANAGER + "\n127.0.0.1 localhost\n";
        return Files.writeString(folder.resolve(name + ".hosts"), text);
    }

    private Path configuration() {
        return folder.resolve("conf");
    }

    private void writeConfiguration() throws IOException {
        Map<String, String> options = new TreeMap<>();
        options.put("jobmanager.rpc.address", breakable ? JOB_MANAGER : "127.0.0.1");
        options.put("jobmanager.rpc.port", Integer.toString(rpcPort));
        options.put("blob.server.port", Integer.toString(blobPort));
        options.put("jobmanager.bind-host", "127.0.0.1");
        options.put("jobmanager.memory.process.size", "768m");
        options.put("taskmanager.host", "127.0.0.1");
        options.put("taskmanager.bind-host", "127.0.0.1");
        options.put("taskmanager.numberOfTaskSlots", Integer.toString(slots));
        options.put("rest.address", "127.0.0.1");
        options.put("rest.bind-address", "127.0.0.1");
        options.put("rest.port", Integer.toString(restPort));
        options.put("rest.bind-port", Integer.toString(restPort));
        options.put("heartbeat.interval", "1000");
        options.put("heartbeat.timeout", "6000");
        options.put("io.tmp.dirs", Files.createDirectory(folder.resolve("tmp")).toString());
        options.put(
                "execution.checkpointing.dir", folder.resolve("checkpoints").toUri().toString());
        options.put("state.checkpoints.dir", folder.resolve("checkpoints").toUri().toString());
        options.putAll(extraOptions);
        Files.createDirectory(configuration());
        Files.writeString(
                configuration().resolve("config.yaml"),
                options.entrySet().stream()
                        .map(option -> option.getKey() + ": " + option.getValue() + "\n")
                        .collect(Collectors.joining()));
    }

    /**
     * What Flink's start script computes from the sizes in the configuration: a TaskManager wants
     * every part.
     */
    private static Map<String, String> taskManagerMemory() {
        Map<String, String> options = new TreeMap<>();
        options.put("taskmanager.cpu.cores", "2.0");
        options.put("taskmanager.memory.framework.heap.size", "128m");
        options.put("taskmanager.memory.framework.off-heap.size", "128m");
        options.put("taskmanager.memory.task.heap.size", "256m");
        options.put("taskmanager.memory.task.off-heap.size", "0b");
        options.put("taskmanager.memory.managed.size", "32m");
        options.put("taskmanager.memory.network.min", "64m");
        options.put("taskmanager.memory.network.max", "64m");
        options.put("taskmanager.memory.jvm-metaspace.size", "160m");
        options.put("taskmanager.memory.jvm-overhead.min", "96m");
        options.put("taskmanager.memory.jvm-overhead.max", "96m");
        return options;
    }
}
