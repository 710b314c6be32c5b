package com.redis.flink.testing;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Starts the JVMs of a Flink cluster, and its command line, in a folder that has their
 * configuration and their logs.
 */
final class FlinkProcesses {

    /** The JVM of the cluster, if it is not to be that of the test. */
    private static final String JAVA_HOME = "FLINK_REDIS_TEST_CLUSTER_JAVA_HOME";

    private static final Duration CLI_TIMEOUT = Duration.ofSeconds(90);
    private static final String HEAP = "384m";

    private final Path folder;
    private final Path configuration;

    /** Whether what the JVMs allocate can be told apart from what they grow by themselves. */
    private final boolean measurable;

    /** What is in Flink's {@code lib/} beside Flink itself; empty: nothing. */
    private final String library;

    FlinkProcesses(Path folder, Path configuration, boolean measurable, String library) {
        this.folder = folder;
        this.configuration = configuration;
        this.measurable = measurable;
        this.library = library;
    }

    /** Returns the heap options of a JobManager or TaskManager. */
    List<String> heapOptions() {
        List<String> options = new ArrayList<>(List.of("-Xmx" + HEAP));
        if (measurable) {
            options.addAll(List.of("-Xms" + HEAP, "-XX:+AlwaysPreTouch"));
            options.add("-XX:NativeMemoryTracking=summary");
        }
        return options;
    }

    /** Starts a JVM of the cluster; what it prints and logs goes to files of this name. */
    Process java(String name, List<String> options, String main, String... arguments)
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
        builder.environment().put("FLINK_CONF_DIR", configuration.toString());
        if (measurable) {
            builder.environment().put("MALLOC_ARENA_MAX", "1");
        }
        File output = folder.resolve(name + ".out").toFile();
        return builder.redirectErrorStream(true).redirectOutput(output).start();
    }

    /** Runs {@code flink} with these arguments and returns what it printed. */
    String flink(List<String> arguments) throws IOException {
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

    /** Copies all logs to a folder, for whoever wants to know what went wrong. */
    void copyLogs(Path target) throws IOException {
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

    /** Returns what {@code jobmanager} or {@code taskmanager-0} has printed and logged. */
    String log(String name) throws IOException {
        StringBuilder log = new StringBuilder();
        for (String ending : List.of(".out", ".log")) {
            Path file = folder.resolve(name + ending);
            log.append(Files.exists(file) ? Files.readString(file) : "");
        }
        return log.toString();
    }
}
