package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.wire.RecordBatch;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** What goes wrong in the engine is an exception of the caller, and the JVM lives on. */
class NativeGuardTest {

    @Test
    void aPanicBecomesAnExceptionThatTellsWhere() throws Exception {
        NativeLibrary.load();
        for (int i = 0; i < 3; i++) {
            assertThatThrownBy(NativeLibrary::nativePanic)
                    .isInstanceOf(NativePanicException.class)
                    .hasMessageContaining("asked to panic")
                    .hasMessageContaining("native_library.rs");
        }
        assertThat(NativeLibrary.version()).matches("[0-9]+\\.[0-9]+\\.[0-9]+.*");
    }

    @Test
    void badSettingsNameTheOptionAndShowNoPassword() {
        assertThatThrownBy(
                        () ->
                                NativeReader.open(
                                        "{\"connection\":{\"password\":\"s3cret\"}}",
                                        Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("source settings")
                .hasMessageNotContaining("s3cret");
        assertThatThrownBy(() -> NativeWriter.open("no JSON", Optional.empty()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("sink settings");
    }

    @Test
    void aClosedObjectCannotBeUsed() throws Exception {
        NativeWriter writer = NativeWriter.open(sinkSettings(), Optional.empty());
        writer.close();
        writer.close();
        assertThatThrownBy(writer::flush).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> writer.write(new byte[8], 8))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aConnectAsksForCredentialsAndAFailureIsTheCallers() throws Exception {
        RecordBatch batch = new RecordBatch();
        batch.begin(0);
        batch.field("f", "v");
        batch.end();
        CredentialsSupplier none =
                () -> {
                    throw new IOException("no token");
                };
        try (NativeWriter writer = NativeWriter.open(asking(sinkSettings()), Optional.of(none))) {
            assertThatThrownBy(
                            () -> {
                                writer.write(batch.bytes(), batch.length());
                                writer.flush();
                            })
                    .isInstanceOf(IOException.class)
                    .hasMessage("no token");
        }
    }

    @Test
    void aPollAsksForCredentials() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        CredentialsSupplier supplier =
                () -> {
                    asked.incrementAndGet();
                    return "{\"user\":\"u\",\"password\":\"p\"}";
                };
        try (NativeReader reader =
                NativeReader.open(asking(NativeCalls.SOURCE), Optional.of(supplier))) {
            reader.addSplits("[{\"partition\":0,\"position\":\"0-0\"}]");
            // A connect waits for credentials from now on, or soon.
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            while (asked.get() == 0 && System.nanoTime() < end) {
                pollOnce(reader);
            }
            assertThat(asked).as("by poll()").hasPositiveValue();
        }
    }

    /**
     * The fetcher may be held up by backpressure, or have ended. But Flink's mailbox thread, which
     * completes checkpoints, does not ask: the user's provider may take its time.
     */
    @Test
    void whenNobodyPollsACheckpointThatCompletesHasAnotherThreadAsk() throws Exception {
        Set<Thread> askers = ConcurrentHashMap.newKeySet();
        CredentialsSupplier supplier =
                () -> {
                    askers.add(Thread.currentThread());
                    return "{\"user\":\"u\",\"password\":\"p\"}";
                };
        try (NativeReader reader =
                NativeReader.open(asking(NativeCalls.SOURCE), Optional.of(supplier))) {
            reader.addSplits("[{\"partition\":0,\"position\":\"0-0\"}]");
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
            for (long id = 1; askers.isEmpty() && System.nanoTime() < end; id++) {
                reader.checkpoint(id, "[{\"partition\":0,\"position\":\"0-0\"}]");
                reader.complete(id);
            }
        }
        assertThat(askers)
                .isNotEmpty()
                .doesNotContain(Thread.currentThread())
                .noneMatch(Thread::isAlive);
    }

    private static String asking(String settings) {
        return settings.replace("\"deployment\"", "\"credentials\":true,\"deployment\"");
    }

    private static void pollOnce(NativeReader reader) {
        try {
            reader.poll(10);
        } catch (IOException e) {
            // There is no server.
        }
    }

    @Test
    void aBatchThatCannotBeReadIsRefused() throws Exception {
        try (NativeWriter writer = NativeWriter.open(sinkSettings(), Optional.empty())) {
            assertThatThrownBy(() -> writer.write(new byte[] {9, 0, 0, 0, 0, 0, 0, 0}, 8))
                    .isInstanceOf(NativePanicException.class)
                    .hasMessageContaining("its version is 9");
            assertThatThrownBy(() -> writer.write(new byte[4], 8))
                    .as("an array that is shorter than said")
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    /** Of a server that is not there: the writer connects in the background. */
    private static String sinkSettings() {
        return "{\"connection\":{\"deployment\":{\"single\":{\"host\":\"localhost\",\"port\":1,"
                + "\"database\":0}},\"keepaliveMillis\":1000,\"minBackoffMillis\":50,"
                + "\"maxBackoffMillis\":2000,\"user\":\"default\","
                + "\"password\":\"\",\"clientName\":\"test\",\"connectTimeoutMillis\":1000,"
                + "\"commandTimeoutMillis\":1000,\"retryTimeoutMillis\":1000},"
                + "\"topic\":\"t\",\"numPartitions\":1,\"maxInFlightBytes\":1000}";
    }
}
