package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;

import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;

import java.io.IOException;
import java.util.List;

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
public final class RedisServer implements BeforeAllCallback, AfterAllCallback, Deployment {

    private final List<String> arguments;

    private String host = RedisNode.LOCAL;
    private int port;
    private RedisNode node;

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
        node = RedisNode.start(Binary.REDIS_7, Security.PLAIN, arguments);
        port = node.port();
        return this;
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
        return new Jedis(new HostAndPort(host, port), Security.PLAIN.client().build());
    }

    @Override
    public <B extends ConnectionConfigBuilder<B>> B connect(B config) {
        return config.host(host).port(port);
    }

    @Override
    public UnifiedJedis client() {
        return new UnifiedJedis(new HostAndPort(host, port), Security.PLAIN.client().build());
    }

    /** Ends the server at once, as a crash does. */
    public void stop() {
        ownServer();
        node.kill();
    }

    /**
     * Stops the server if it runs, and starts it on the same port; what it knew is gone unless its
     * arguments say otherwise.
     */
    public void restart() {
        ownServer();
        node.startAgain();
    }

    /** What the server has logged. */
    public String log() throws IOException {
        return node.log();
    }

    @Override
    public void close() {
        if (node != null) {
            node.close();
            node = null;
        }
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
        Assumptions.assumeTrue(node != null, "the server is not the test's own");
    }
}
