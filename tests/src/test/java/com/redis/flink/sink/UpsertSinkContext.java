package com.redis.flink.sink;

import com.redis.flink.it.Topic;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.connector.testframe.external.ExternalSystemDataReader;
import org.apache.flink.connector.testframe.external.sink.DataStreamSinkV2ExternalContext;
import org.apache.flink.connector.testframe.external.sink.TestingSinkSettings;

import java.net.URL;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Keys of their own for one case of Flink's suite. Each record has its own key, so that the suite,
 * which knows of no upserts, finds each record again.
 */
abstract class UpsertSinkContext implements DataStreamSinkV2ExternalContext<String> {

    private static final int RECORDS = 200;

    final Topic topic;

    UpsertSinkContext(RedisServer redis) {
        topic = new Topic(redis, 1);
    }

    abstract Sink<String> sink(String prefix, boolean flushOnCheckpoint);

    abstract String value(String key);

    /** By name: the mode is an enum of another package in each Flink line. */
    @Override
    public Sink<String> createSink(TestingSinkSettings settings) {
        return sink(topic.name(), settings.getCheckpointingMode().name().equals("EXACTLY_ONCE"));
    }

    /** Each reader begins at the beginning, as the suite reads all of it again each time. */
    @Override
    public ExternalSystemDataReader<String> createSinkDataReader(TestingSinkSettings settings) {
        return new ExternalSystemDataReader<>() {

            private final Set<String> read = new HashSet<>();

            @Override
            public List<String> poll(Duration timeout) {
                List<String> records = new ArrayList<>();
                for (String key : topic.jedis().keys(topic.name() + ":*")) {
                    if (read.add(key)) {
                        records.add(value(key));
                    }
                }
                return records;
            }

            @Override
            public void close() {
                // The connection is the topic's.
            }
        };
    }

    @Override
    public List<String> generateTestData(TestingSinkSettings settings, long seed) {
        Random random = new Random(seed);
        List<String> records = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
            records.add(i + "-" + random.nextInt());
        }
        return records;
    }

    @Override
    public TypeInformation<String> getProducedType() {
        return Types.STRING;
    }

    @Override
    public List<URL> getConnectorJarPaths() {
        return List.of();
    }

    @Override
    public void close() {
        topic.close();
    }
}
