package com.redis.flink.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.it.Collected;
import com.redis.flink.it.Flink;
import com.redis.flink.it.Job;
import com.redis.flink.it.Ledger;
import com.redis.flink.it.NumberDeserializer;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import java.time.Duration;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/** Jobs that go on from a savepoint or a checkpoint, as they were or changed. */
class RestoreIT {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @RegisterExtension static final RedisServer REDIS = new RedisServer();
    @RegisterExtension static final Flink FLINK = new Flink();

    private static DataStream<Long> numbers(
            StreamExecutionEnvironment env, RedisSourceConfig config) {
        return NumberDeserializer.read(env, config).uid("numbers");
    }

    private static StreamExecutionEnvironment counting(
            int parallelism, RedisSourceConfig config, Ledger ledger) {
        StreamExecutionEnvironment env = FLINK.environment(parallelism);
        ledger.from(numbers(env, config));
        return env;
    }

    @Test
    void anotherParallelismLosesAndRepeatsNothing() throws Exception {
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 5)) {
            String savepoint = null;
            long numbers = 0;
            for (int parallelism : new int[] {4, 1, 3}) {
                topic.addNumbers(numbers, numbers + 500); // while no job runs
                StreamExecutionEnvironment env =
                        counting(parallelism, topic.source().build(), ledger);
                try (Job job = savepoint == null ? FLINK.run(env) : FLINK.run(env, savepoint)) {
                    ledger.awaitEachOnce(numbers + 500);
                    topic.addNumbers(numbers + 500, numbers + 1000);
                    numbers += 1000;
                    ledger.awaitEachOnce(numbers);
                    savepoint = job.stopWithSavepoint();
                }
                ledger.awaitEachOnce(numbers);
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    @Test
    void aPartitionThatIsNewIsReadFromItsBeginning() throws Exception {
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 3)) {
            String savepoint;
            try (Job job =
                    FLINK.run(counting(2, topic.source().numPartitions(2).build(), ledger))) {
                topic.addNumber(0, 0);
                topic.addNumber(1, 1);
                ledger.awaitEachOnce(2);
                savepoint = job.stopWithSavepoint();
            }
            // It has entries already, and for a fresh job `$` would pass over them.
            topic.addNumber(2, 2);
            topic.addNumber(2, 3);
            topic.addNumber(0, 4);
            RedisSourceConfig config = topic.source().startingId("$").build();
            try (Job job = FLINK.run(counting(2, config, ledger), savepoint)) {
                ledger.awaitEachOnce(5);
                topic.addNumbers(5, 20);
                ledger.awaitEachOnce(20);
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    @Test
    void anotherGroupBeginsWhereItIsTold() throws Exception {
        try (Topic topic = new Topic(REDIS, 2);
                Collected<Long> before = new Collected<>();
                Collected<Long> after = new Collected<>()) {
            topic.addNumbers(0, 10);
            StreamExecutionEnvironment env = FLINK.environment(2);
            before.from(numbers(env, topic.source().build()));
            String savepoint;
            try (Job job = FLINK.run(env)) {
                before.await(10);
                savepoint = job.stopWithSavepoint();
            }
            topic.addNumbers(10, 20);
            env = FLINK.environment(2);
            after.from(numbers(env, topic.source().consumerGroup(topic.group() + "-2").build()));
            try (Job job = FLINK.run(env, savepoint)) {
                after.await(20);
                topic.addNumbers(20, 30);
                assertThat(after.await(30))
                        .containsExactlyInAnyOrderElementsOf(
                                LongStream.range(0, 30).boxed().collect(Collectors.toList()));
            }
        }
    }

    @Test
    void anOlderCheckpointRewinds() throws Exception {
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 3)) {
            String older;
            topic.addNumbers(0, 100);
            try (Job job = FLINK.run(counting(2, topic.source().build(), ledger))) {
                ledger.awaitEachOnce(100);
                older = job.checkpoint();
                topic.addNumbers(100, 200);
                ledger.awaitEachOnce(200);
                job.checkpoint();
                Await.value("all is acknowledged", LIMIT, topic::pending, n -> n == 0);
            }
            topic.addNumbers(200, 250);
            try (Job job = FLINK.run(counting(2, topic.source().build(), ledger), older)) {
                ledger.awaitEachOnce(250);
                job.checkpoint();
                Await.value("nothing is pending", LIMIT, topic::pending, n -> n == 0);
            }
        }
    }

    /** Readers that have no partition stay, or Flink could restore nothing but the same job. */
    @Test
    void aJobWithMoreReadersThanPartitionsCanBeChanged() throws Exception {
        Ledger ledger = new Ledger();
        try (Topic topic = new Topic(REDIS, 4)) {
            RedisSourceConfig two = topic.source().numPartitions(2).build();
            String savepoint;
            try (Job job = FLINK.run(counting(4, two, ledger))) {
                topic.addNumber(0, 0);
                topic.addNumber(1, 1);
                ledger.awaitEachOnce(2);
                savepoint = job.stopWithSavepoint();
            }
            long numbers = 2;
            for (int parallelism : new int[] {4, 2, 8}) {
                StreamExecutionEnvironment env = FLINK.environment(parallelism);
                RedisSourceConfig config = parallelism == 8 ? topic.source().build() : two;
                ledger.from(numbers(env, config).map(number -> number).returns(Types.LONG));
                try (Job job = FLINK.run(env, savepoint)) {
                    topic.addNumber(0, numbers++);
                    topic.addNumber(1, numbers++);
                    ledger.awaitEachOnce(numbers);
                    savepoint = job.stopWithSavepoint();
                }
            }
        }
    }
}
