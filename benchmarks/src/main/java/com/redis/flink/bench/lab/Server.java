package com.redis.flink.bench.lab;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code redis-server} of our own, in memory only; it ends with this process. */
public final class Server implements AutoCloseable {

    public static final String HOST = "127.0.0.1";

    private static final int ATTEMPTS = 5;
    private static final long END_MILLIS = 10_000;

    private final Path folder;
    private final int port;
    private final Process process;
    private final Thread atExit = new Thread(this::end, "end-redis");

    /** For the thread that runs the benchmarks. */
    private Jedis control;

    private Server(Path module) throws IOException {
        folder = Files.createTempDirectory("bench-redis");
        port = freePort();
        List<String> command = new ArrayList<>(List.of("redis-server", "--port", "" + port));
        command.addAll(List.of("--bind", HOST, "--dir", folder.toString()));
        command.addAll(List.of("--save", "", "--appendonly", "no"));
        // A topic is filled by one script, however long that takes.
        command.addAll(List.of("--lua-time-limit", "0"));
        if (module != null) {
            command.addAll(List.of("--loadmodule", module.toAbsolutePath().toString()));
        }
        process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("log").toFile())
                        .start();
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /**
     * Starts one. Somebody else can take a free port before it is bound: then with another one.
     *
     * @param module to load; null: none
     */
    public static Server start(Path module) throws Exception {
        for (int attempt = 1; ; attempt++) {
            Server server = new Server(module);
            Await.until("redis-server answers or ends", server::answersOrEnded);
            if (server.process.isAlive()) {
                return server;
            }
            String log = Files.readString(server.folder.resolve("log"));
            server.close();
            if (attempt == ATTEMPTS) {
                throw new IOException("redis-server did not start:\n" + log);
            }
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            return socket.getLocalPort();
        }
    }

    private boolean answersOrEnded() {
        try {
            control = connect();
            control.ping();
            return true;
        } catch (JedisConnectionException notYet) {
            return !process.isAlive();
        }
    }

    public int port() {
        return port;
    }

    /** Returns a connection of its own for whoever asks. */
    public Jedis connect() {
        return new Jedis(HOST, port, (int) Await.LIMIT.toMillis());
    }

    /** Returns the connection of the thread that runs the benchmarks. */
    public Jedis control() {
        return control;
    }

    /** Removes all data. */
    public void clear() {
        control.flushAll();
    }

    public String version() {
        return field(control, "server", "redis_version");
    }

    /** Returns user and system time that the server has used, in seconds. */
    public double cpuSeconds() {
        String info = control.info("cpu");
        return Double.parseDouble(field(info, "used_cpu_user"))
                + Double.parseDouble(field(info, "used_cpu_sys"));
    }

    /** Returns how many keys have a time to live. */
    public long expiringKeys() {
        return control.info("keyspace")
                .lines()
                .filter(line -> line.startsWith("db0:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll(".*,expires=(\\d+).*", "$1")))
                .sum();
    }

    /** Returns a field of {@code INFO}. */
    public static String field(Jedis jedis, String section, String name) {
        return field(jedis.info(section), name);
    }

    private static String field(String info, String name) {
        return info.lines()
                .filter(line -> line.startsWith(name + ":"))
                .map(line -> line.substring(name.length() + 1).trim())
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("INFO has no " + name));
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(atExit);
        if (control != null) {
            control.close();
        }
        end();
    }

    private void end() {
        process.destroyForcibly() // it holds nothing that is worth saving
                .onExit()
                .completeOnTimeout(process, END_MILLIS, TimeUnit.MILLISECONDS)
                .join();
        try (var files = Files.list(folder)) {
            files.forEach(file -> file.toFile().delete());
        } catch (IOException gone) {
            return;
        }
        folder.toFile().delete();
    }
}
