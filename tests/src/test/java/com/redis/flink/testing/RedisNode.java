package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;

import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.args.ClientType;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.ClientKillParams;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** One process of a Redis server or sentinel, on a free port of the loopback interface. */
public final class RedisNode implements Deployment {

    static final String LOCAL = "127.0.0.1";

    private static final Duration START_TIMEOUT = Duration.ofSeconds(20);
    private static final Duration STOP_TIMEOUT = Duration.ofSeconds(10);
    private static final int ATTEMPTS = 5;

    private final Binary binary;
    private final Security security;
    private final List<String> arguments;
    private final Path folder;
    private final Thread atExit = new Thread(this::kill, "end-redis");

    private int port;
    private Process process;

    private RedisNode(Binary binary, Security security, List<String> arguments) throws IOException {
        this.binary = binary;
        this.security = security;
        this.arguments = arguments;
        folder = Files.createTempDirectory("flink-redis-test");
    }

    /** Starts one that keeps nothing, unless the arguments say otherwise. */
    public static RedisNode start(Binary binary, Security security, List<String> arguments) {
        try {
            RedisNode node = new RedisNode(binary, security, List.copyOf(arguments));
            Runtime.getRuntime().addShutdownHook(node.atExit);
            for (int attempt = 1; !node.spawn(Ports.free()); attempt++) {
                if (attempt == ATTEMPTS) {
                    String log = node.log();
                    node.close();
                    throw new IllegalStateException(binary + " did not start:\n" + log);
                }
            }
            return node;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public int port() {
        return port;
    }

    /** As host and port. */
    public String address() {
        return LOCAL + ":" + port;
    }

    public Security security() {
        return security;
    }

    @Override
    public <B extends ConnectionConfigBuilder<B>> B connect(B config) {
        return security.connect(config.host(LOCAL).port(port));
    }

    @Override
    public UnifiedJedis client() {
        return new UnifiedJedis(new HostAndPort(LOCAL, port), security.client().build());
    }

    /** A client of the test's own. */
    public Jedis jedis() {
        return jedis(security.client());
    }

    /** The same, as a user. */
    public Jedis jedis(String user, String password) {
        return jedis(security.client().user(user).password(password));
    }

    /** One that shows another certificate of {@link Certificates}; empty: none. */
    Jedis jedisAs(String identity) {
        return jedis(security.client(identity));
    }

    private Jedis jedis(DefaultJedisClientConfig.Builder client) {
        return new Jedis(new HostAndPort(LOCAL, port), client.build());
    }

    /** Ends it at once, as a crash does. */
    public void kill() {
        if (process == null) {
            return;
        }
        process.destroyForcibly();
        try {
            process.waitFor(STOP_TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Starts it again, on the same port and in the same folder. */
    public void startAgain() {
        kill();
        try {
            if (!spawn(port)) {
                throw new IllegalStateException(binary + " did not start again:\n" + log());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Stops its work without a word, until {@link #resume}. */
    public void pause() {
        Processes.pause(process);
    }

    public void resume() {
        Processes.resume(process);
    }

    /**
     * Makes a user, or changes one: as in {@code ACL SETUSER}. A node that is started again has
     * forgotten it.
     */
    public void setUser(String name, String... rules) {
        try (Jedis jedis = jedis()) {
            jedis.aclSetUser(name, rules);
        }
    }

    /** Shows another certificate of {@link Certificates} to whoever connects from now on. */
    public void show(String identity) {
        try (Jedis jedis = jedis()) {
            jedis.configSet(
                    "tls-cert-file", Certificates.certificate(identity).toString(),
                    "tls-key-file", Certificates.key(identity).toString());
        }
    }

    /**
     * As a replica: hears nothing of its master any more, so it lags behind and stays ready to take
     * its place.
     */
    public void stopReplicating() {
        try (Jedis jedis = jedis()) {
            jedis.configSet("masteruser", "nobody", "masterauth", "nothing"); // it is not let in
            jedis.clientKill(new ClientKillParams().type(ClientType.MASTER));
            Await.value(
                    address() + " has lost its master",
                    START_TIMEOUT,
                    () -> jedis.info("replication"),
                    info -> info.contains("master_link_status:down"));
        }
    }

    /** As a master: waits until so many replicas, or more, have all that it has. */
    public void awaitReplicas(int replicas) {
        try (Jedis jedis = jedis()) {
            Await.value(
                    "the replicas of " + address(),
                    START_TIMEOUT,
                    () -> jedis.info("replication"),
                    info -> info.split("state=online").length - 1 >= replicas);
        }
    }

    /** Ends {@link #stopReplicating}. */
    public void replicateAgain() {
        try (Jedis jedis = jedis()) {
            jedis.configSet("masteruser", "", "masterauth", "");
        }
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** What it has logged. */
    public String log() throws IOException {
        return Files.readString(folder.resolve("redis.log"));
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(atExit);
        kill();
        Directories.delete(folder);
    }

    /** False: it ended at once, as it does when its port was taken meanwhile. */
    private boolean spawn(int atPort) throws IOException {
        port = atPort;
        List<String> command = new ArrayList<>(List.of(binary.command()));
        if (arguments.contains("--sentinel")) {
            Path file = folder.resolve("sentinel.conf");
            if (!Files.exists(file)) {
                Files.createFile(file);
            }
            command.add(file.toString());
        } else {
            command.addAll(List.of("--save", "", "--appendonly", "no"));
        }
        command.addAll(security.arguments(port));
        command.addAll(List.of("--bind", LOCAL, "--dir", folder.toString()));
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
}
