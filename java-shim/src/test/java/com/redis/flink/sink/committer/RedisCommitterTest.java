package com.redis.flink.sink.committer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.RedisException;
import com.redis.flink.bridge.CommitterEngine;

import org.apache.flink.api.connector.sink2.Committer.CommitRequest;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** What the engine is told to commit, and what becomes of its failures. */
class RedisCommitterTest {

    private final List<String> committed = new ArrayList<>();
    private RedisException failure;

    private final CommitterEngine redis =
            new CommitterEngine() {
                @Override
                public void commit(String committables) throws IOException {
                    if (failure != null) {
                        throw failure;
                    }
                    committed.add(committables);
                }

                @Override
                public void recover(String lanes) {
                    throw new UnsupportedOperationException("writers recover");
                }

                @Override
                public void close() {
                    committed.add("close");
                }
            };

    private final RedisCommitter committer = new RedisCommitter(redis);

    private static CommitRequest<RedisCommittable> request(String lane, long epoch, int partition) {
        return new Request(
                new RedisCommittable(
                        partition, "key", 5, epoch, lane, "incarnation-" + lane, 1, 99));
    }

    @Test
    void onlyOneCallInTheOrderOfLanesEpochsPartitions() throws Exception {
        committer.commit(
                List.of(
                        request("b", 1, 0),
                        request("a", 10, 0),
                        request("a", 9, 1),
                        request("a", 9, 0)));
        committer.close();

        assertThat(committed).hasSize(2).last().isEqualTo("close");
        List<String> order = new ArrayList<>();
        for (JsonNode node : new ObjectMapper().readTree(committed.get(0))) {
            order.add(
                    node.get("lane").asText()
                            + " "
                            + node.get("epoch")
                            + " "
                            + node.get("partition"));
        }
        assertThat(order).containsExactly("a 9 0", "a 9 1", "a 10 0", "b 1 0");
    }

    @Test
    void speaksTheEnginesJson() throws Exception {
        committer.commit(
                List.of(
                        new Request(
                                new RedisCommittable(
                                        3,
                                        "{t:3}:staging:l:7:c0ffee",
                                        12,
                                        7,
                                        "l",
                                        "c0ffee",
                                        2,
                                        99)),
                        new Request(
                                new RedisCommittable(
                                        3,
                                        "{t:3}:staging:l:8:c0ffee",
                                        1,
                                        8,
                                        "l",
                                        "c0ffee",
                                        0,
                                        0))));

        assertThat(committed)
                .containsExactly(
                        "[{\"partition\":3,\"key\":\"{t:3}:staging:l:7:c0ffee\",\"records\":12,"
                            + "\"epoch\":7,\"lane\":\"l\",\"incarnation\":\"c0ffee\","
                            + "\"packed\":{\"entries\":2,\"largest\":99}},"
                            + "{\"partition\":3,\"key\":\"{t:3}:staging:l:8:c0ffee\",\"records\":1,"
                            + "\"epoch\":8,\"lane\":\"l\",\"incarnation\":\"c0ffee\"}]");
    }

    @Test
    void nothingToCommitIsNoCall() throws Exception {
        committer.commit(List.of());

        assertThat(committed).isEmpty();
    }

    @Test
    void whatIsLostFailsTheJob() {
        failure = new RedisException("STAGING_LOST", "{t:3}:staging:l:7:c0ffee is gone");

        assertThatThrownBy(() -> committer.commit(List.of(request("l", 7, 3)))).isSameAs(failure);
    }

    /** Nothing may be signalled: Flink would count a failure and go on. */
    private static final class Request implements CommitRequest<RedisCommittable> {

        private final RedisCommittable committable;

        Request(RedisCommittable committable) {
            this.committable = committable;
        }

        @Override
        public RedisCommittable getCommittable() {
            return committable;
        }

        @Override
        public int getNumberOfRetries() {
            return 0;
        }

        @Override
        public void signalFailedWithKnownReason(Throwable reason) {
            throw new AssertionError("signalled", reason);
        }

        @Override
        public void signalFailedWithUnknownReason(Throwable reason) {
            throw new AssertionError("signalled", reason);
        }

        @Override
        public void retryLater() {
            throw new AssertionError("retried");
        }

        @Override
        public void updateAndRetryLater(RedisCommittable changed) {
            throw new AssertionError("retried");
        }

        @Override
        public void signalAlreadyCommitted() {
            throw new AssertionError("signalled");
        }
    }
}
