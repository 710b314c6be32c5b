package com.redis.flink;

import static com.redis.flink.Entries.fromStream;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.wire.RecordBatch;

import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Reading a message changes nothing: one thread may read it while another copies or writes it, as
 * Flink does at a checkpoint with the elements that an AsyncFunction's callbacks still read.
 */
class RedisMessageThreadsTest {

    private static final int ROUNDS = 5_000;
    private static final long DEADLINE_SECONDS = 60;
    private static final Map<String, String> DATA = Map.of("page", "/p1", "user", "u2");

    /** What Flink does with a message. */
    private interface Use {
        RedisMessage of(RedisMessage message) throws IOException;
    }

    private static RedisMessage message() {
        return fromStream("key", "u1", "page", "/p1", "user", "u2");
    }

    private static Use use(String name) {
        switch (name) {
            case "copy":
                return RedisMessageSerializer.INSTANCE::copy;
            case "serialize":
                return message -> {
                    DataOutputSerializer out = new DataOutputSerializer(64);
                    RedisMessageSerializer.INSTANCE.serialize(message, out);
                    return RedisMessageSerializer.INSTANCE.deserialize(
                            new DataInputDeserializer(out.getCopyOfBuffer()));
                };
            case "write":
                return message -> {
                    RecordBatch batch = new RecordBatch();
                    batch.begin(0);
                    message.writeTo(batch);
                    batch.end();
                    return message.copy();
                };
            default:
                return message -> message.withKey(message.getKey());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"copy", "serialize", "write", "withKey"})
    void isReadByOneThreadWhileAnotherCopiesAndWritesIt(String name) throws Exception {
        Use use = use(name);
        CyclicBarrier round = new CyclicBarrier(2);
        RedisMessage[] messages = new RedisMessage[ROUNDS];
        for (int i = 0; i < ROUNDS; i++) {
            messages[i] = message();
        }
        ExecutorService callback = Executors.newSingleThreadExecutor();
        try {
            Future<?> reader =
                    callback.submit(
                            () -> {
                                for (RedisMessage message : messages) {
                                    round.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
                                    assertThat(message.getData().get("page")).isEqualTo("/p1");
                                    assertThat(message.getKey()).isEqualTo("u1");
                                    assertThat(message.getData()).isEqualTo(DATA);
                                }
                                return null;
                            });
            RedisMessage expected = RedisMessage.of("u1", DATA);
            for (int i = 0; i < ROUNDS; i++) {
                round.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
                for (int spin = i & 31; spin > 0; spin--) {
                    Thread.onSpinWait();
                }
                try {
                    assertThat(use.of(messages[i])).isEqualTo(expected);
                } catch (Throwable e) {
                    reader.cancel(true);
                    throw e;
                }
            }
            reader.get(DEADLINE_SECONDS, TimeUnit.SECONDS);
        } finally {
            callback.shutdownNow();
        }
    }

    @Test
    void everyThreadIsGivenTheSameMap() throws Exception {
        ExecutorService callback = Executors.newSingleThreadExecutor();
        CyclicBarrier round = new CyclicBarrier(2);
        try {
            for (int i = 0; i < 1000; i++) {
                RedisMessage message = message();
                Future<Map<String, String>> other =
                        callback.submit(
                                () -> {
                                    round.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
                                    return message.getData();
                                });
                round.await(DEADLINE_SECONDS, TimeUnit.SECONDS);
                assertThat(message.getData())
                        .isSameAs(other.get(DEADLINE_SECONDS, TimeUnit.SECONDS));
            }
        } finally {
            callback.shutdownNow();
        }
    }

    /** Whoever decoded these bytes would fail: they are spoiled once the message has been read. */
    @Test
    void whatWasReadIsNotDecodedAgainToCopyAndWriteIt() throws IOException {
        byte[] strings =
                Entries.strings(
                        "key".getBytes(StandardCharsets.UTF_8),
                        "u1".getBytes(StandardCharsets.UTF_8),
                        "page".getBytes(StandardCharsets.UTF_8),
                        "/p1".getBytes(StandardCharsets.UTF_8));
        RedisMessage message = RedisMessage.ofEntry("clicks:0", 1, 0, strings, 2);
        assertThat(message.getKey()).isEqualTo("u1");
        assertThat(message.getData()).containsEntry("page", "/p1");

        Arrays.fill(strings, (byte) 0xff);
        for (String name : new String[] {"copy", "serialize", "write", "withKey"}) {
            use(name).of(message);
        }
        assertThat(message.getKey()).isEqualTo("u1");
        assertThat(message).isEqualTo(RedisMessage.of("u1", Map.of("page", "/p1")));
    }
}
