package com.redis.flink.it;

import com.redis.flink.testing.RedisServer;

import org.apache.flink.connector.testframe.TestResource;

import java.util.function.Supplier;

/** The server, as Flink's connector suites want an external system. */
public final class RedisResource implements TestResource {

    private final Supplier<RedisServer> starter;
    private RedisServer redis;

    public RedisResource() {
        this(RedisServer::start);
    }

    /** A server that is started in a way of the test's own. */
    public RedisResource(Supplier<RedisServer> starter) {
        this.starter = starter;
    }

    public RedisServer server() {
        return redis;
    }

    @Override
    public void startUp() {
        redis = starter.get();
    }

    @Override
    public void tearDown() {
        redis.close();
    }
}
