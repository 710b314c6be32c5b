package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Await;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.ServerMemory;
import com.redis.flink.bench.lab.Topic;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Watches the memory of a {@link MemoryJob} and that of the server. The JVM's heap is small, fixed
 * and touched before: what is added to the idle job's memory is not Java's. Needs Linux.
 */
public final class MemoryRun implements Contender {

    private static final int PARTITIONS = 4;
    private static final double MIB = 1024 * 1024;
    private static final long END_SECONDS = 60;

    private final Lab lab;
    private final String name;
    private final int dataBytes;
    private final int entries;
    private final long maxBufferedBytes;
    private final Topic topic;

    public MemoryRun(Lab lab, String name, int dataBytes, int entries, long maxBufferedBytes) {
        this.lab = lab;
        this.name = name;
        this.dataBytes = dataBytes;
        this.entries = entries;
        this.maxBufferedBytes = maxBufferedBytes;
        topic = new Topic(lab.server(), "in", PARTITIONS);
    }

    @Override
    public Kind kind() {
        return Kind.OURS;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Run prepare() throws Exception {
        topic.addFirst();
        return new ProcessRun();
    }

    private List<String> command() {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> !argument.startsWith("-Xm"))
                .forEach(command::add);
        command.addAll(List.of("-Xms512m", "-Xmx512m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"));
        command.add("-XX:TieredStopAtLevel=1"); // what is compiled takes memory too
        command.add("-Dtest.log=" + System.getProperty("java.io.tmpdir") + "/memory-job");
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(MemoryJob.class.getName());
        command.addAll(List.of("" + lab.server().port(), topic.name(), "" + PARTITIONS));
        command.addAll(List.of("" + maxBufferedBytes, "" + entries));
        return command;
    }

    private final class ProcessRun implements Run {

        private final Path output = Files.createTempFile("memory-job", ".out");
        private final Process process;
        private final long idle;
        private long most;
        private long serverMost;

        ProcessRun() throws Exception {
            process =
                    new ProcessBuilder(command())
                            .redirectOutput(output.toFile())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try {
                awaitLine("idle");
                idle = status("VmRSS");
                Files.writeString(Path.of("/proc/" + process.pid() + "/clear_refs"), "5"); // VmHWM
            } catch (Exception e) {
                close();
                throw e;
            }
        }

        @Override
        public void work() throws Exception {
            try (ServerMemory memory = new ServerMemory(lab.server())) {
                topic.fill(entries, dataBytes);
                awaitLine("read " + entries);
                serverMost = memory.most();
            }
            most = status("VmHWM");
        }

        private void awaitLine(String line) throws Exception {
            Await.until(
                    "the job says: " + line,
                    () -> {
                        if (!process.isAlive()) {
                            throw new IllegalStateException("the job's JVM has ended");
                        }
                        return Files.readString(output).contains(line + "\n");
                    });
        }

        /** Returns bytes. */
        private long status(String name) throws IOException {
            try (var lines = Files.lines(Path.of("/proc/" + process.pid() + "/status"))) {
                return lines.filter(line -> line.startsWith(name + ":"))
                                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                                .sum()
                        * 1024;
            }
        }

        @Override
        public void verify() {
            if (topic.length() != entries + PARTITIONS) {
                throw new IllegalStateException("the topic has " + topic.length() + " entries");
            }
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            Map<Metric, Double> measured = new EnumMap<>(Metric.class);
            measured.put(Metric.RSS, (most - idle) / MIB);
            measured.put(Metric.SERVER_MEMORY, serverMost / MIB);
            return measured;
        }

        @Override
        public void close() throws Exception {
            process.getOutputStream().close();
            if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
            Files.delete(output);
        }
    }
}
