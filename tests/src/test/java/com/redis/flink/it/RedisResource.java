package com.redis.flink.it;

import com.redis.flink.testing.RedisServer;

import org.apache.flink.connector.testframe.TestResource;

/** The server, as Flink's connector suites want an external system. */
public final class RedisResource implements TestResource {

    private RedisServer redis;

    public RedisServer server() {
        return redis;
    }

    @Override
    public void startUp() {
        redis = RedisServer.start();
    }

    @Override
    public void tearDown() {
        redis.close();
    }
}
