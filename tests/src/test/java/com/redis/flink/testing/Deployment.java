package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;

import redis.clients.jedis.UnifiedJedis;

/** Redis servers that jobs and the clients of a test reach in the same way. */
public interface Deployment extends AutoCloseable {

    /** Tells a job's config how to reach them. */
    <B extends ConnectionConfigBuilder<B>> B connect(B config);

    /** A client of the test's own, which finds its way by itself. */
    UnifiedJedis client();

    @Override
    void close();
}
