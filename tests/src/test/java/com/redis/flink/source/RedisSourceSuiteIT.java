package com.redis.flink.source;

import com.redis.flink.it.RedisResource;
import com.redis.flink.source.partitioned.AckStrategy;

import org.apache.flink.connector.testframe.environment.MiniClusterTestEnvironment;
import org.apache.flink.connector.testframe.external.ExternalContextFactory;
import org.apache.flink.connector.testframe.junit.annotations.TestContext;
import org.apache.flink.connector.testframe.junit.annotations.TestEnv;
import org.apache.flink.connector.testframe.junit.annotations.TestExternalSystem;
import org.apache.flink.connector.testframe.junit.annotations.TestSemantics;
import org.apache.flink.connector.testframe.testsuites.SourceTestSuiteBase;
import org.apache.flink.core.execution.CheckpointingMode;

/** Flink's own suite for sources: all of its cases, exactly once, with each way to acknowledge. */
class RedisSourceSuiteIT extends SourceTestSuiteBase<String> {

    @TestSemantics
    CheckpointingMode[] semantics = new CheckpointingMode[] {CheckpointingMode.EXACTLY_ONCE};

    @TestEnv MiniClusterTestEnvironment flink = new MiniClusterTestEnvironment();

    @TestExternalSystem RedisResource redis = new RedisResource();

    @TestContext
    ExternalContextFactory<TopicSourceContext> onCheckpoint =
            name -> new TopicSourceContext(redis.server(), AckStrategy.ON_CHECKPOINT);

    @TestContext
    ExternalContextFactory<TopicSourceContext> onEmit =
            name -> new TopicSourceContext(redis.server(), AckStrategy.ON_EMIT);

    @TestContext
    ExternalContextFactory<TopicSourceContext> noAck =
            name -> new TopicSourceContext(redis.server(), AckStrategy.NOACK);

    @TestContext
    ExternalContextFactory<TopicSourceContext> commitPosition =
            name -> new TopicSourceContext(redis.server(), AckStrategy.COMMIT_POSITION);
}
