package com.redis.flink.bench.lab;

import com.redis.flink.bench.Effort;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** What benchmarks run in: a server, a Flink in this JVM, and how much they are to do. */
public final class Lab implements AutoCloseable {

    private final Effort effort;
    private final Consumer<String> progress;
    private final boolean json;
    private final Server server;
    private final Flink flink;

    private Lab(Effort effort, Consumer<String> progress, Path module) throws Exception {
        this.effort = effort;
        this.progress = progress;
        json = module != null;
        server = Server.start(module);
        flink = Flink.start();
    }

    /**
     * Starts server and Flink. The server has RedisJSON where property {@code bench.rejson} names
     * its module.
     */
    public static Lab start(Effort effort, Consumer<String> progress) throws Exception {
        Path module = Path.of(System.getProperty("bench.rejson", ""));
        boolean there = Files.isRegularFile(module) && Files.isExecutable(module);
        return new Lab(effort, progress, there ? module : null);
    }

    public Effort effort() {
        return effort;
    }

    public Server server() {
        return server;
    }

    public Flink flink() {
        return flink;
    }

    /** Returns whether the server has RedisJSON. */
    public boolean hasJson() {
        return json;
    }

    /** Says what is being done. */
    public void progress(String what) {
        progress.accept(what);
    }

    @Override
    public void close() throws Exception {
        try {
            flink.close();
        } finally {
            server.close();
        }
    }
}
