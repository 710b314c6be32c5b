package com.redis.flink.sink;

import com.redis.flink.RedisMessage;
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
import java.util.List;
import java.util.Map;
import java.util.Random;

/** A topic for one case of Flink's suite. */
final class TopicSinkContext implements DataStreamSinkV2ExternalContext<String> {

    private static final int PARTITIONS = 4;
    private static final int RECORDS = 200;

    private final Topic topic;

    TopicSinkContext(RedisServer redis) {
        topic = new Topic(redis, PARTITIONS);
    }

    @Override
    public Sink<String> createSink(TestingSinkSettings settings) {
        return new RedisSinkBuilder<String>(
                        record -> RedisMessage.of(record, Map.of("value", record)),
                        topic.sink().flushOnCheckpoint(isExactlyOnce(settings)).build())
                .build();
    }

    /** By name: the enum is another one than the semantics of the suite are of. */
    private static boolean isExactlyOnce(TestingSinkSettings settings) {
        return settings.getCheckpointingMode().name().equals("EXACTLY_ONCE");
    }

    /** Each reader begins at the beginning, as the suite reads all of the topic again each time. */
    @Override
    public ExternalSystemDataReader<String> createSinkDataReader(TestingSinkSettings settings) {
        return new ExternalSystemDataReader<>() {

            private final int[] read = new int[PARTITIONS];

            @Override
            public List<String> poll(Duration timeout) {
                List<String> records = new ArrayList<>();
                for (int partition = 0; partition < PARTITIONS; partition++) {
                    List<String> all = topic.values(partition, "value");
                    records.addAll(all.subList(read[partition], all.size()));
                    read[partition] = all.size();
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

    @Override
    public String toString() {
        return "stream sink";
    }
}
