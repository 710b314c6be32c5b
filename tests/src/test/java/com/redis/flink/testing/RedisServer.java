package com.redis.flink.testing;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * A {@code redis-server} of the test's own, on a free port of the loopback interface.
 *
 * <pre>{@code
 * @RegisterExtension static final RedisServer REDIS = new RedisServer();      // one for the class
 * try (RedisServer redis = RedisServer.start("--requirepass", "secret")) {…}  // one for a test
 * }</pre>
 *
 * <p>The environment's {@code FLINK_REDIS_TEST_SERVER=host:port} names a server to use instead,
 * wherever a test asks for no arguments of its own. It may hold other data: tests use names of
 * their own, and flush nothing. Tests that stop the server are skipped then.
 */
public final class RedisServer implements BeforeAllCallback, AfterAllCallback, AutoCloseable {

    private static final String LOCAL = "127.0.0.1";
    private static final Duration START_TIMEOUT = Duration.ofSeconds(20);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);
    private static final int ATTEMPTS = 5;

    private final List<String> arguments;
    private final Thread atExit = new Thread(this::kill, "end-redis");

    private String host = LOCAL;
    private int port;
    private Path folder;
    private Process process;

    /**
     * Not started yet: as an extension, JUnit does that; else see {@link #start}.
     *
     * @param arguments further ones of {@code redis-server}
     */
    public RedisServer(String... arguments) {
        this.arguments = List.of(arguments);
    }

    public static RedisServer start(String... arguments) {
        return new RedisServer(arguments).launch();
    }

    private RedisServer launch() {
        String given = System.getenv("FLINK_REDIS_TEST_SERVER");
        if (arguments.isEmpty() && given != null && !given.isEmpty()) {
            int colon = given.lastIndexOf(':');
            host = given.substring(0, colon);
            port = Integer.parseInt(given.substring(colon + 1));
            return this;
        }
        try {
            folder = Files.createTempDirectory("flink-redis-test");
            Runtime.getRuntime().addShutdownHook(atExit);
            for (int attempt = 1; !spawn(Ports.free()); attempt++) {
                if (attempt == ATTEMPTS) {
                    throw new IllegalStateException("redis-server did not start:\n" + log());
                }
            }
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String host() {
        return host;
    }

    public int port() {
        return port;
    }

    /**
     * A client of the test's own, as the default user without a password unless the test says more.
     */
    public Jedis jedis() {
        return new Jedis(host, port);
    }

    /** Ends the server at once, as a crash does. */
    public void stop() {
        ownServer();
        kill();
    }

    /**
     * Stops the server if it runs, and starts it on the same port; what it knew is gone unless its
     * arguments say otherwise.
     */
    public void restart() {
        ownServer();
        kill();
        try {
            if (!spawn(port)) {
                throw new IllegalStateException("redis-server did not start again:\n" + log());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** What the server has logged. */
    public String log() throws IOException {
        return Files.readString(folder.resolve("redis.log"));
    }

    @Override
    public void close() {
        if (folder == null) {
            return;
        }
        Runtime.getRuntime().removeShutdownHook(atExit);
        kill();
        Directories.delete(folder);
        folder = null;
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        launch();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        close();
    }

    private void ownServer() {
        Assumptions.assumeTrue(folder != null, "the server is not the test's own");
    }

    /** False: the server ended at once, as it does when its port was taken meanwhile. */
    private boolean spawn(int atPort) throws IOException {
        port = atPort;
        List<String> command = new ArrayList<>();
        command.addAll(List.of("redis-server", "--port", Integer.toString(port), "--bind", LOCAL));
        command.addAll(List.of("--dir", folder.toString(), "--save", "", "--appendonly", "no"));
        command.addAll(arguments);
        process =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("redis.log").toFile())
                        .start();
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (process.isAlive() && System.nanoTime() < deadline) {
            try (Jedis jedis = jedis()) {
                jedis.ping();
                return process.isAlive();
            } catch (JedisDataException refused) {
                return process.isAlive(); // it answers: it only wants a password first
            } catch (JedisConnectionException notYet) {
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(10));
            }
        }
        kill();
        return false;
    }

    private void kill() {
        process.destroyForcibly();
        try {
            process.waitFor(STOP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
