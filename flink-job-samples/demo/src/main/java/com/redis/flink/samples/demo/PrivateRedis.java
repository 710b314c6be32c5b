package com.redis.flink.samples.demo;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A {@code redis-server} of our own in a temporary folder; it ends with this process, also on
 * Ctrl-C.
 */
final class PrivateRedis implements AutoCloseable {

    static final String HOST = "127.0.0.1";

    /** However busy the machine is. */
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);

    private static final Duration START_TIMEOUT = Duration.ofSeconds(10);
    private static final Duration END_TIMEOUT = Duration.ofSeconds(10);
    private static final int ATTEMPTS = 5;

    private final Process process;
    private final Path folder;
    private final int port;
    private final Thread atExit = new Thread(this::end, "end-redis");

    private PrivateRedis(int port) throws IOException {
        this.port = port;
        folder = Files.createTempDirectory("flink-redis-demo");
        process =
                new ProcessBuilder(
                                "redis-server",
                                "--port",
                                Integer.toString(port),
                                "--bind",
                                HOST,
                                "--dir",
                                folder.toString(),
                                "--save",
                                "",
                                "--appendonly",
                                "no")
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("log").toFile())
                        .start();
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /**
     * Between finding a free port and binding it somebody else can take it: then with another one.
     */
    static PrivateRedis start() throws IOException {
        for (int attempt = 1; ; attempt++) {
            PrivateRedis redis = new PrivateRedis(freePort());
            if (redis.answers()) {
                return redis;
            }
            String log = Files.readString(redis.folder.resolve("log"));
            redis.close();
            if (attempt == ATTEMPTS) {
                throw new IOException("redis-server did not start:\n" + log);
            }
        }
    }

    static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
            return socket.getLocalPort();
        }
    }

    int port() {
        return port;
    }

    Jedis connect() {
        return new Jedis(HOST, port, (int) ANSWER_TIMEOUT.toMillis());
    }

    private boolean answers() {
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (process.isAlive() && System.nanoTime() < deadline) {
            try (Jedis jedis = connect()) {
                jedis.ping();
                return process.isAlive();
            } catch (JedisConnectionException notYet) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
            }
        }
        return false;
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(atExit);
        end();
    }

    private void end() {
        process.destroyForcibly() // it holds nothing that is worth saving
                .onExit()
                .completeOnTimeout(process, END_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS)
                .join();
        try (var files = Files.list(folder)) {
            files.forEach(file -> file.toFile().delete());
        } catch (IOException gone) {
            return;
        }
        folder.toFile().delete();
    }
}
