package com.redis.flink.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** The configuration file of a cluster on this machine, and the ports that it names. */
final class FlinkConfiguration {

    /** The name of the JobManager where each TaskManager may find it at another address. */
    static final String JOB_MANAGER = "jobmanager.test";

    final int restPort = Ports.free();
    final int rpcPort = Ports.free();
    final int blobPort = Ports.free();

    private final Path folder;

    FlinkConfiguration(Path folder) {
        this.folder = folder;
    }

    /** Returns the folder that Flink calls {@code conf/}. */
    Path directory() {
        return folder.resolve("conf");
    }

    /**
     * Writes {@code config.yaml}.
     *
     * @param jobManager the name or the address that TaskManagers know it by
     * @param slots of each TaskManager
     * @param extraOptions take precedence over all others
     */
    void write(String jobManager, int slots, Map<String, String> extraOptions) throws IOException {
        Map<String, String> options = new TreeMap<>();
        options.put("jobmanager.rpc.address", jobManager);
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
        Files.createDirectory(directory());
        Files.writeString(
                directory().resolve("config.yaml"),
                options.entrySet().stream()
                        .map(option -> option.getKey() + ": " + option.getValue() + "\n")
                        .collect(Collectors.joining()));
    }

    /** Writes a hosts file for one JVM: what it thinks the JobManager's address is. */
    Path writeHosts(String name, String jobManagerAddress) throws IOException {
        String text = jobManagerAddress + " " + JOB_MANAGER + "\n127.0.0.1 localhost\n";
        return Files.writeString(folder.resolve(name + ".hosts"), text);
    }

    /**
     * Returns the options that Flink's start script computes from the sizes in the configuration: a
     * TaskManager wants every part.
     */
    static Map<String, String> taskManagerMemory() {
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
