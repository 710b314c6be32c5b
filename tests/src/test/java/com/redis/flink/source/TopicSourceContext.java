package com.redis.flink.source;

import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.AckStrategy;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisObjectDeserializer;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.connector.testframe.external.ExternalSystemSplitDataWriter;
import org.apache.flink.connector.testframe.external.source.DataStreamSourceExternalContext;
import org.apache.flink.connector.testframe.external.source.TestingSourceSettings;

import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;

/**
 * A topic for one case of Flink's suite. The suite makes its splits one by one; here they are the
 * partitions, of which there are as many from the start as any case makes. Those that a case leaves
 * empty are read as well.
 */
final class TopicSourceContext implements DataStreamSourceExternalContext<String> {

    private static final int PARTITIONS = 4;
    private static final int RECORDS = 200;

    private final Topic topic;
    private final AckStrategy strategy;
    private int writers;

    TopicSourceContext(RedisServer redis, AckStrategy strategy) {
        topic = new Topic(redis, PARTITIONS);
        this.strategy = strategy;
    }

    @Override
    public Source<String, ?, ?> createSource(TestingSourceSettings settings) {
        RedisSourceConfig.Builder config = topic.source().ackStrategy(strategy);
        if (settings.getBoundedness() == Boundedness.BOUNDED) {
            config.stoppingId("$");
        }
        return new RedisSourceBuilder<>(config.build(), new RedisObjectDeserializer<>(String.class))
                .build();
    }

    @Override
    public ExternalSystemSplitDataWriter<String> createSourceSplitDataWriter(
            TestingSourceSettings settings) {
        int partition = writers++;
        return new ExternalSystemSplitDataWriter<>() {
            @Override
            public void writeRecords(List<String> records) {
                records.forEach(record -> topic.add(partition, Map.of("data", '"' + record + '"')));
            }

            @Override
            public void close() {
                // The connection is the topic's.
            }
        };
    }

    @Override
    public List<String> generateTestData(
            TestingSourceSettings settings, int splitIndex, long seed) {
        Random random = new Random(seed);
        List<String> records = new ArrayList<>();
        for (int i = 0; i < RECORDS; i++) {
            records.add(splitIndex + "-" + i + "-" + random.nextInt());
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
        return strategy.name();
    }
}
