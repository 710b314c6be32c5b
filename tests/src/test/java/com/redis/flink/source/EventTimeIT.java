package com.redis.flink.source;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/** Event time comes from the entries' IDs, partition by partition. */
class EventTimeIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static DataStream<Long> numbers(
            StreamExecutionEnvironment env,
            RedisSourceConfig config,
            WatermarkStrategy<Long> watermarks) {
        env.getConfig().setAutoWatermarkInterval(20);
        return env.fromSource(
                new RedisSourceBuilder<>(config, new NumberDeserializer()).build(),
                watermarks,
                "numbers");
    }

    private static void add(Topic topic, int partition, long milliseconds, long number) {
        topic.addAt(partition, milliseconds + "-1", Map.of(Topic.NUMBER, Long.toString(number)));
    }

    /** Gives each record out when the watermark has passed it: as a window does. */
    private static final class WhenPassed extends KeyedProcessFunction<Integer, Long, String> {

        private static final long serialVersionUID = 1L;

        @Override
        public void processElement(Long number, Context context, Collector<String> out) {
            boolean late = context.timestamp() <= context.timerService().currentWatermark();
            if (late) {
                out.collect("late " + context.timestamp());
            }
            context.timerService().registerEventTimeTimer(context.timestamp());
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<String> out) {
            out.collect(Long.toString(time));
        }
    }

    /**
     * One reader has two partitions, far from each other in time, and two others have none and hold
     * nothing back.
     */
    @Test
    void theSlowestPartitionSetsTheWatermarkAndNoReaderWithoutOne() throws Exception {
        try (Topic topic = new Topic(REDIS, 2);
                Collected<String> passed = new Collected<>()) {
            for (long second = 100; second < 110; second++) {
                add(topic, 0, second * 1000, second);
            }
            add(topic, 1, 1_000, 1);
            add(topic, 1, 2_000, 2);
            StreamExecutionEnvironment env = FLINK.environment(4);
            passed.from(
                    numbers(
                                    env,
                                    topic.source().build(),
                                    WatermarkStrategy.forBoundedOutOfOrderness(
                                            Duration.ofMillis(500)))
                            .keyBy(number -> 0, Types.INT)
                            .process(new WhenPassed())
                            .returns(Types.STRING));
            try (Job job = FLINK.run(env)) {
                assertThat(passed.await(1)).containsExactly("1000");
                add(topic, 1, 3_000, 3);
                assertThat(passed.await(2)).containsExactly("1000", "2000");
                add(topic, 1, 103_600, 4);
                assertThat(passed.await(7))
                        .containsExactly(
                                "1000", "2000", "3000", "100000", "101000", "102000", "103000");
            }
        }
    }

    /**
     * The fast partition is in the future of the others; the slow one goes on without its time
     * going on. Read in turns they would end together, so alignment shows in the fast one being
     * left behind.
     */
    @Test
    void alignmentPausesThePartitionThatIsAhead() throws Exception {
        int entries = 1500;
        long fast = 1_000_000;
        try (Topic topic = new Topic(REDIS, 2);
                Collected<Long> numbers = new Collected<>()) {
            for (int i = 0; i < entries; i++) {
                topic.addAt(
                        0,
                        100_000 + i * 100L + "-0",
                        Map.of(Topic.NUMBER, Long.toString(fast + i)));
                topic.addAt(1, 1000 + "-" + (i + 1), Map.of(Topic.NUMBER, Long.toString(i)));
            }
            StreamExecutionEnvironment env = FLINK.environment(1);
            numbers.from(
                    numbers(
                                    env,
                                    topic.source().batchSize(10).maxBufferedBytes(1000).build(),
                                    WatermarkStrategy.<Long>forMonotonousTimestamps()
                                            .withWatermarkAlignment(
                                                    "aligned",
                                                    Duration.ofSeconds(1),
                                                    Duration.ofMillis(50)))
                            .map(
                                    number -> {
                                        LockSupport.parkNanos(1_000_000); // a job with work to do
                                        return number;
                                    })
                            .returns(Types.LONG));
            try (Job job = FLINK.run(env)) {
                List<Long> then =
                        Await.value(
                                "the slow partition is through",
                                LIMIT,
                                numbers::records,
                                all -> all.contains(entries - 1L));
                assertThat(then.stream().filter(number -> number >= fast).count())
                        .isLessThan(entries / 2);

                add(topic, 1, 1_000_000_000, entries);
                assertThat(numbers.await(2 * entries + 1)).doesNotHaveDuplicates();
            }
        }
    }
}
