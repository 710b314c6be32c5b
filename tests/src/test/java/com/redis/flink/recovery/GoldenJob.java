package com.redis.flink.recovery;

import com.redis.flink.RedisMessage;
import com.redis.flink.it.Flink;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

import java.util.HashMap;
import java.util.Map;

/**
 * The job of the golden savepoints: it copies a topic exactly once, and gives each message what the
 * one before with the same key had, out of keyed state. Golden savepoints name its topics, its
 * group, its operators and its types, so none of these can change.
 */
final class GoldenJob {

    static final String FROM = "golden";
    static final String TO = "golden-copy";
    static final String GROUP = "golden-group";
    static final int PARTITIONS = 2;

    static final String NUMBER = "n";
    static final String TEXT = "text";
    static final String PREVIOUS_NUMBER = "previous-n";
    static final String PREVIOUS_TEXT = "previous-text";

    private GoldenJob() {}

    static StreamExecutionEnvironment of(Flink flink, RedisServer redis, int parallelism) {
        RedisSourceConfig source =
                redis.connect(RedisSourceConfig.builder())
                        .topicName(FROM)
                        .numPartitions(PARTITIONS)
                        .consumerGroup(GROUP)
                        .startingId("0")
                        .build();
        RedisSinkConfig sink =
                redis.connect(RedisSinkConfig.builder())
                        .topicName(TO)
                        .numPartitions(PARTITIONS)
                        .flushOnCheckpoint(true)
                        .flushIntervalMillis(1) // a savepoint is to find staged records
                        .build();
        StreamExecutionEnvironment env = flink.environment(parallelism);
        env.fromSource(
                        new RedisSourceBuilder<>(source, new RedisMessageDeserializer()).build(),
                        WatermarkStrategy.noWatermarks(),
                        "messages",
                        TypeInformation.of(RedisMessage.class))
                .uid("messages")
                .keyBy(RedisMessage::getKey)
                .process(new Previous())
                .uid("previous")
                .sinkTo(new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sink).build())
                .uid("copy");
        return env;
    }

    private static final class Previous
            extends KeyedProcessFunction<String, RedisMessage, RedisMessage> {

        private static final long serialVersionUID = 1L;

        private transient ValueState<RedisMessage> latest;

        @Override
        public void open(OpenContext context) {
            latest =
                    getRuntimeContext()
                            .getState(
                                    new ValueStateDescriptor<>(
                                            "latest", TypeInformation.of(RedisMessage.class)));
        }

        @Override
        public void processElement(
                RedisMessage message, Context context, Collector<RedisMessage> out)
                throws Exception {
            Map<String, String> fields = new HashMap<>(message.getData());
            RedisMessage previous = latest.value();
            if (previous != null) {
                fields.put(PREVIOUS_NUMBER, previous.getData().get(NUMBER));
                fields.put(PREVIOUS_TEXT, previous.getData().get(TEXT));
            }
            latest.update(message);
            out.collect(RedisMessage.of(message.getKey(), fields));
        }
    }
}
