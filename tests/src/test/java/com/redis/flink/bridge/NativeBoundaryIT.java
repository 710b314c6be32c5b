package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisException;
import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.it.Topic;
import com.redis.flink.testing.Await;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.wire.EntryBatch;
import com.redis.flink.wire.RecordBatch;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

import redis.clients.jedis.params.ClientKillParams;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * The boundary between Java and the engine: what goes wrong on one side is no harm to the other.
 */
class NativeBoundaryIT {

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int LONG_MILLIS = 60_000;

    @RegisterExtension static final RedisServer REDIS = new RedisServer();

    @Test
    void aPanicIsAnExceptionAndOthersLiveOn() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            try (NativeReader reader = NativeObjects.reader(topic)) {
                assertThatThrownBy(NativeLibrary::nativePanic)
                        .isInstanceOf(NativePanicException.class)
                        .hasMessageContaining("asked to panic")
                        .hasMessageContaining("native_library.rs");
                topic.addNumber(0, 1);
                assertThat(next(reader).entries()).isEqualTo(1);
            }
            NativeObjects.awaitNothingLeft(topic);
        }
    }

    @Test
    void whatIsClosedSaysSo() throws Exception {
        try (Topic topic = new Topic(REDIS, 2)) {
            NativeReader reader = NativeObjects.reader(topic);
            NativeWriter writer = NativeObjects.writer(topic);
            reader.close();
            writer.close();
            byte[] batch = new byte[8];
            List<ThrowingCallable> calls =
                    List.of(
                            () -> reader.addSplits("[]"),
                            () -> reader.poll(LONG_MILLIS),
                            reader::wakeUp,
                            () -> reader.pauseOrResume(new int[] {0}, new int[] {1}),
                            () -> reader.emitted(0, 1, 1),
                            () -> reader.checkpoint(1, "[]"),
                            () -> reader.complete(1),
                            () -> reader.abort(1),
                            reader::stats,
                            reader::tick,
                            writer::tick,
                            () -> writer.write(batch, batch.length),
                            writer::flush,
                            writer::stats);
            for (ThrowingCallable call : calls) {
                assertThatThrownBy(call)
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("closed");
            }
            reader.close(); // once more, and nothing happens
            writer.close();
            NativeObjects.awaitNothingLeft(topic);
        }
    }

    @Test
    void aPollEndsWhenTheReaderIsClosed() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            NativeReader reader = NativeObjects.reader(topic);
            CompletableFuture<EntryBatch> poll = polling(reader);
            Await.until("it reads", LIMIT, () -> !NativeObjects.connections(topic).isEmpty());
            reader.close();
            assertThatThrownBy(() -> poll.get(LONG_MILLIS / 4, TimeUnit.MILLISECONDS))
                    .rootCause()
                    .isInstanceOf(IllegalStateException.class);
            NativeObjects.awaitNothingLeft(topic);
        }
    }

    @Test
    void aWakeUpEndsAPollAndIsNotLost() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                NativeReader reader = NativeObjects.reader(topic)) {
            CompletableFuture<EntryBatch> waiting = polling(reader);
            reader.wakeUp(); // the current one or the next one
            assertThat(waiting.get(LONG_MILLIS / 4, TimeUnit.MILLISECONDS)).isNull();

            reader.wakeUp();
            assertThat(polling(reader).get(LONG_MILLIS / 4, TimeUnit.MILLISECONDS)).isNull();

            CompletableFuture<EntryBatch> next = polling(reader);
            topic.addNumber(0, 1);
            assertThat(next.get(LONG_MILLIS / 4, TimeUnit.MILLISECONDS)).isNotNull();
        }
    }

    @Test
    void closeLeavesNeitherThreadNorConnection() throws Exception {
        try (Topic topic = new Topic(REDIS, 8)) {
            NativeReader reader = NativeObjects.reader(topic);
            NativeWriter writer = NativeObjects.writer(topic);
            RecordBatch batch = new RecordBatch();
            batch.begin(3);
            batch.field(Topic.NUMBER, "1");
            batch.end();
            writer.write(batch.bytes(), batch.length());
            writer.flush();
            assertThat(next(reader).partition()).isEqualTo(3);
            Await.value(
                    "one connection each",
                    LIMIT,
                    () -> NativeObjects.connections(topic).size(),
                    size -> size >= 9);
            assertThat(NativeObjects.threads()).isNotEmpty();

            reader.close();
            assertThat(NativeObjects.threads()).isNotEmpty(); // those of the writer
            writer.close();
            NativeObjects.awaitNothingLeft(topic);
        }
    }

    @Test
    void credentialsAreAskedForAtEachConnect() throws Exception {
        try (Topic topic = new Topic(REDIS, 1)) {
            String user = "of-" + topic.group();
            AtomicReference<String> password = new AtomicReference<>("first");
            topic.jedis().aclSetUser(user, "on", ">first", "~*", "+@all");
            CredentialsSupplier supplier =
                    () ->
                            String.format(
                                    "{\"user\":\"%s\",\"password\":\"%s\"}", user, password.get());
            NativeReader reader = NativeObjects.reader(topic, Optional.of(supplier));
            topic.addNumber(0, 1);
            assertThat(next(reader).entries()).isEqualTo(1);
            assertThat(NativeObjects.connections(topic))
                    .isNotEmpty()
                    .allMatch(connection -> connection.contains(" user=" + user + " "));

            topic.jedis().aclSetUser(user, "resetpass", ">second");
            password.set("second");
            topic.jedis().clientKill(new ClientKillParams().user(user));
            topic.addNumber(0, 2);
            assertThat(next(reader).entries()).isEqualTo(1);

            password.set("s3cret");
            topic.jedis().clientKill(new ClientKillParams().user(user));
            assertThatThrownBy(() -> readOn(reader))
                    .isInstanceOf(RedisException.class)
                    .hasMessageContaining("the credentialsProvider gave: WRONGPASS")
                    .hasMessageNotContaining("s3cret");
            reader.close();
            topic.jedis().aclDelUser(user);
            NativeObjects.awaitNothingLeft(topic);
        }
    }

    /** As Flink does, in short waits; it is to end with an exception. */
    private static void readOn(NativeReader reader) throws IOException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (System.nanoTime() < end) {
            reader.poll(100);
        }
    }

    @Test
    void settingsThatCannotBeUsedAreToldWithoutTheirPassword() {
        String settings =
                "{\"connection\":{\"deployment\":{\"single\":{\"host\":\"\",\"port\":1,"
                        + "\"database\":0}},\"keepaliveMillis\":1000,\"minBackoffMillis\":50,"
                        + "\"maxBackoffMillis\":2000,\"user\":\"u\",\"password\":\"s3cret\","
                        + "\"clientName\":\"c\",\"connectTimeoutMillis\":1,"
                        + "\"commandTimeoutMillis\":1,\"retryTimeoutMillis\":1},\"topic\":\"t\","
                        + "\"numPartitions\":1,\"maxInFlightBytes\":1}";
        assertThatThrownBy(() -> NativeWriter.open(settings, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("host is ''")
                .hasMessageNotContaining("s3cret");
        assertThatThrownBy(() -> NativeReader.open(settings, Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("source settings")
                .hasMessageNotContaining("s3cret");
    }

    @Test
    void framesThatCannotBeReadAreRefusedAndTheWriterGoesOn() throws Exception {
        try (Topic topic = new Topic(REDIS, 1);
                NativeWriter writer = NativeObjects.writer(topic)) {
            for (byte[] broken : new byte[][] {{}, {9, 0, 0, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 5}}) {
                assertThatThrownBy(() -> writer.write(broken, broken.length))
                        .isInstanceOf(NativePanicException.class)
                        .hasMessageContaining("batch");
            }
            assertThatThrownBy(() -> writer.write(new byte[8], 9))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("9 bytes of an array of 8");
            writer.flush();
            assertThat(topic.length()).isZero();
        }
    }

    private static CompletableFuture<EntryBatch> polling(NativeReader reader) {
        return CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return reader.poll(LONG_MILLIS);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                });
    }

    private static EntryBatch next(NativeReader reader) throws Exception {
        return Await.value(
                "a batch of entries",
                LIMIT,
                () -> reader.poll(100),
                batch -> batch != null && batch.entries() > 0);
    }
}
