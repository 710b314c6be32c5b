package com.redis.flink.sink;

import com.redis.flink.it.RedisResource;

import org.apache.flink.connector.testframe.environment.MiniClusterTestEnvironment;
import org.apache.flink.connector.testframe.external.ExternalContextFactory;
import org.apache.flink.connector.testframe.junit.annotations.TestContext;
import org.apache.flink.connector.testframe.junit.annotations.TestEnv;
import org.apache.flink.connector.testframe.junit.annotations.TestExternalSystem;
import org.apache.flink.connector.testframe.junit.annotations.TestSemantics;
import org.apache.flink.connector.testframe.testsuites.SinkTestSuiteBase;
import org.apache.flink.core.execution.CheckpointingMode;

/** Flink's own suite for sinks: all of its cases, with each guarantee. */
class RedisSinkSuiteIT extends SinkTestSuiteBase<String> {

    @TestSemantics
    CheckpointingMode[] semantics =
            new CheckpointingMode[] {
                CheckpointingMode.AT_LEAST_ONCE, CheckpointingMode.EXACTLY_ONCE
            };

    @TestEnv MiniClusterTestEnvironment flink = new MiniClusterTestEnvironment();

    @TestExternalSystem RedisResource redis = new RedisResource();

    @TestContext
    ExternalContextFactory<TopicSinkContext> topic = name -> new TopicSinkContext(redis.server());
}
