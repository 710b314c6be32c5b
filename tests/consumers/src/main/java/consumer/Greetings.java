package consumer;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisObjectSerializer;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Writes three greetings as JSON to the topic {@code greetings} of a local Redis, whose port is the
 * argument, and copies them exactly once to the topic {@code copies}. Jackson comes with the
 * connector.
 */
public final class Greetings {

    private Greetings() {}

    /** A greeting, as Jackson writes it: {@code {"to":"Ann"}}. */
    public static final class Greeting {
        public String to;

        public Greeting() {}

        Greeting(String to) {
            this.to = to;
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port = Integer.parseInt(arguments[0]);
        write(port);
        copy(port);
    }

    private static void write(int port) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        env.fromData(new Greeting("Ann"), new Greeting("Bob"), new Greeting("Cy"))
                .sinkTo(
                        new RedisSinkBuilder<>(
                                        new RedisObjectSerializer<Greeting>(),
                                        sink(port, "greetings").build())
                                .build());
        env.execute("Write");
    }

    private static void copy(int port) throws Exception {
        RedisSourceConfig source =
                RedisSourceConfig.builder()
                        .host("127.0.0.1")
                        .port(port)
                        .consumerGroup("copy")
                        .topicName("greetings")
                        .numPartitions(1)
                        .startingId("0")
                        .stoppingId("$")
                        .build();
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.setParallelism(1);
        env.enableCheckpointing(100);
        env.fromSource(
                        new RedisSourceBuilder<>(source, new RedisMessageDeserializer()).build(),
                        WatermarkStrategy.noWatermarks(),
                        "greetings",
                        TypeInformation.of(RedisMessage.class))
                .sinkTo(
                        new RedisSinkBuilder<>(
                                        new RedisPassthroughSerializer(),
                                        sink(port, "copies").flushOnCheckpoint(true).build())
                                .build());
        env.execute("Copy");
    }

    private static RedisSinkConfig.Builder sink(int port, String topic) {
        return RedisSinkConfig.builder()
                .host("127.0.0.1")
                .port(port)
                .topicName(topic)
                .numPartitions(1);
    }
}
