package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.testframe.source.FromElementsSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.util.List;
import java.util.Map;

/** Records that no message can be made of. */
class RejectedRecordsIT {

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static Job write(RedisSinkConfig config) throws Exception {
        RedisSerializer<String> serializer =
                record -> {
                    if (record.startsWith("bad")) {
                        throw new IllegalStateException("cannot take " + record);
                    }
                    return RedisMessage.of(record, Map.of("value", record));
                };
        StreamExecutionEnvironment env = FLINK.environment(1);
        // Flink's other sources may still be sent events when the job fails, and then it says that.
        env.fromSource(
                        new FromElementsSource<>(
                                List.of("one", "bad apple", "two", "bad egg", "three")),
                        WatermarkStrategy.noWatermarks(),
                        "records",
                        Types.STRING)
                .sinkTo(new RedisSinkBuilder<>(serializer, config).build());
        return FLINK.run(env);
    }

    @Test
    void areKeptApart() throws Exception {
        try (Topic topic = new Topic(REDIS, 2)) {
            String deadLetters = topic.name() + "-dead";
            RedisSinkConfig config =
                    topic.sink().failedSerializationStreamName(deadLetters).build();
            try (Job job = write(config)) {
                job.awaitFinished();
            }
            assertThat(topic.values("value")).containsExactlyInAnyOrder("one", "two", "three");
            List<StreamEntry> dead = topic.jedis().xrange(deadLetters, (StreamEntryID) null, null);
            assertThat(dead)
                    .extracting(StreamEntry::getFields)
                    .containsExactly(
                            Map.of(
                                    "error", "IllegalStateException: cannot take bad apple",
                                    "command", "XADD",
                                    "value", "bad apple"),
                            Map.of(
                                    "error", "IllegalStateException: cannot take bad egg",
                                    "command", "XADD",
                                    "value", "bad egg"));
        }
    }

    @Test
    void failTheJobWhereNothingTakesThem() throws Exception {
        try (Topic topic = new Topic(REDIS, 2);
                Job job = write(topic.sink().build())) {
            assertThat(job.awaitFailure()).rootCause().hasMessage("cannot take bad apple");
            assertThat(job.awaitFailure())
                    .hasStackTraceContaining(
                            "sink "
                                    + topic.name()
                                    + ": a record cannot be made a message:"
                                    + " IllegalStateException: cannot take bad apple")
                    .hasStackTraceContaining("set failedSerializationStreamName");
        }
    }
}
