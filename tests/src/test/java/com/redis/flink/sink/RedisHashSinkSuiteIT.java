package com.redis.flink.sink;

import com.redis.flink.it.RedisResource;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.connector.testframe.environment.MiniClusterTestEnvironment;
import org.apache.flink.connector.testframe.external.ExternalContextFactory;
import org.apache.flink.connector.testframe.junit.annotations.TestContext;
import org.apache.flink.connector.testframe.junit.annotations.TestEnv;
import org.apache.flink.connector.testframe.junit.annotations.TestExternalSystem;
import org.apache.flink.connector.testframe.junit.annotations.TestSemantics;
import org.apache.flink.connector.testframe.testsuites.SinkTestSuiteBase;
import org.apache.flink.core.execution.CheckpointingMode;

import java.util.Map;

/**
 * Flink's own suite for sinks: all of its cases, with both values of {@code flushOnCheckpoint}.
 * What is written again replaces itself, so with both of them nothing is there twice.
 */
class RedisHashSinkSuiteIT extends SinkTestSuiteBase<String> {

    @TestSemantics
    CheckpointingMode[] semantics =
            new CheckpointingMode[] {
                CheckpointingMode.AT_LEAST_ONCE, CheckpointingMode.EXACTLY_ONCE
            };

    @TestEnv MiniClusterTestEnvironment flink = new MiniClusterTestEnvironment();

    @TestExternalSystem RedisResource redis = new RedisResource();

    @TestContext ExternalContextFactory<Context> keys = name -> new Context(redis.server());

    private static final class Context extends UpsertSinkContext {

        private final RedisServer redis;

        Context(RedisServer redis) {
            super(redis);
            this.redis = redis;
        }

        @Override
        Sink<String> sink(String prefix, boolean flushOnCheckpoint) {
            RedisHashSinkConfig config =
                    RedisHashSinkConfig.builder()
                            .host(redis.host())
                            .port(redis.port())
                            .flushOnCheckpoint(flushOnCheckpoint)
                            .build();
            return new RedisHashSinkBuilder<String>(record -> Map.of("value", record), config)
                    .keyExtractor(record -> prefix + ":" + record)
                    .build();
        }

        @Override
        String value(String key) {
            return topic.jedis().hget(key, "value");
        }

        @Override
        public String toString() {
            return "hash sink";
        }
    }
}
