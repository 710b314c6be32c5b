package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.RedisException;
import com.redis.flink.config.CredentialsSupplier;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** What a tick does, and how Java waits for the engine. */
@Timeout(60)
class NativeObjectTest {

    private final FakeNatives natives = new FakeNatives();
    private int asked;

    private final Probe object = probe(() -> "{\"answer\":" + ++asked + "}");

    private Probe probe(CredentialsSupplier supplier) {
        return new Probe(Optional.of(supplier), natives);
    }

    @Test
    void aTickProvidesWhatConnectsWaitFor() throws Exception {
        assertThat(object.tick()).isFalse();
        assertThat(asked).isZero();
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;
        assertThat(object.tick()).isTrue();
        assertThat(object.tick()).isTrue();

        assertThat(natives.calls)
                .containsExactly("provide 17 {\"answer\":1}", "provide 17 {\"answer\":2}");
    }

    @Test
    void aTickOfABusyObjectIsToComeAgainSoon() throws Exception {
        natives.flags = NativeObject.BUSY;
        assertThat(object.tick()).isTrue();
        natives.flags = NativeObject.LOGS_WAITING;
        assertThat(object.tick()).isFalse();
    }

    @Test
    void aTickGivesOutLogEventsWhenThereAreSome() throws Exception {
        object.tick();
        assertThat(natives.calls).isEmpty();
        natives.flags = NativeObject.LOGS_WAITING;
        object.tick();
        assertThat(natives.calls).containsExactly("drain");
    }

    @Test
    void aTickThrowsWhatHasEndedTheObjectBehindItsLogEvents() {
        natives.failure = new RedisException("CONNECTION", "gone for good");
        for (int i = 0; i < 2; i++) {
            assertThatThrownBy(object::tick).isSameAs(natives.failure);
        }
        assertThat(natives.calls).containsExactly("drain", "drain");
    }

    @Test
    void oneThreadAtATimeAsks() throws Exception {
        CountDownLatch asking = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        Probe slow =
                probe(
                        () -> {
                            asking.countDown();
                            await(answer);
                            return "{}";
                        });
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;
        CompletableFuture<Void> first =
                CompletableFuture.runAsync(
                        () -> {
                            try {
                                slow.tick();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });
        await(asking);

        slow.tick();
        assertThat(natives.calls).as("the other one still asks").isEmpty();
        answer.countDown();
        first.get(10, TimeUnit.SECONDS);

        assertThat(natives.calls).containsExactly("provide 17 {}");
    }

    @Test
    void whatAnotherThreadHasJustProvidedIsNotFetchedAgain() throws Exception {
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;
        natives.flagsAfterOneTick = 0;
        object.tick();
        assertThat(asked).isZero();
    }

    @Test
    void aSupplierThatFailsFailsTheCall() {
        Probe failing =
                probe(
                        () -> {
                            throw new IOException("no token");
                        });
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;

        assertThatThrownBy(failing::tick).isInstanceOf(IOException.class).hasMessage("no token");
        assertThatThrownBy(() -> failing.await((handle, millis) -> false)).hasMessage("no token");
        assertThat(natives.calls).containsExactly("drain");
    }

    @Test
    void aWaitTicksBetweenItsSlices() throws Exception {
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;
        int[] slices = {0};
        object.await(
                (handle, millis) -> {
                    assertThat(handle).isEqualTo(17);
                    assertThat(millis).isEqualTo(NativeObject.SLICE_MILLIS);
                    return ++slices[0] == 3;
                });

        assertThat(natives.calls)
                .containsExactly(
                        "provide 17 {\"answer\":1}",
                        "provide 17 {\"answer\":2}",
                        "provide 17 {\"answer\":3}",
                        "drain");
    }

    @Test
    void anInterruptEndsAWait() {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> object.await((handle, millis) -> false))
                .isInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void isClosedOnceAndUsedNoMore() {
        object.close();
        object.close();

        assertThat(natives.calls).containsExactly("close 17", "drain");
        assertThatThrownBy(object::tick)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("The probe is closed.");
        assertThatThrownBy(() -> object.await((handle, millis) -> false))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void closingEndsAWait() {
        assertThatThrownBy(
                        () ->
                                object.await(
                                        (handle, millis) -> {
                                            object.close();
                                            return false;
                                        }))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    void ticksWhileACallWaits() {
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;

        object.tickDuring(17, () -> await(natives.provided));

        assertThat(natives.calls).contains("provide 17 {\"answer\":1}");
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("redis-credentials"));
    }

    @Test
    void aSupplierThatFailsDoesNotDisturbACallThatWaits() {
        CountDownLatch asking = new CountDownLatch(1);
        Probe failing =
                probe(
                        () -> {
                            asking.countDown();
                            throw new IOException("no token");
                        });
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;

        failing.tickDuring(17, () -> await(asking));

        assertThat(natives.calls).isEmpty();
    }

    @Test
    void withoutASupplierNothingIsProvided() throws Exception {
        Probe constant = new Probe(Optional.empty(), natives);
        natives.flags = NativeObject.CREDENTIALS_REQUESTED;
        constant.tick();
        assertThat(constant.isCredentialsRequested()).isFalse();

        assertThat(natives.calls).isEmpty();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static final class Probe extends NativeObject {

        Probe(Optional<CredentialsSupplier> supplier, Natives natives) {
            super("probe", 17, supplier, natives);
        }
    }

    private static final class FakeNatives implements NativeObject.Natives {

        private final List<String> calls = new CopyOnWriteArrayList<>();
        private final CountDownLatch provided = new CountDownLatch(1);
        private volatile int flags;
        private volatile Integer flagsAfterOneTick;
        private volatile IOException failure;

        @Override
        public int tick(long handle) throws IOException {
            if (failure != null) {
                throw failure;
            }
            int now = flags;
            if (flagsAfterOneTick != null) {
                flags = flagsAfterOneTick;
            }
            return now;
        }

        @Override
        public void provide(long handle, String credentials) {
            calls.add("provide " + handle + " " + credentials);
            provided.countDown();
        }

        @Override
        public String drainLogs() {
            calls.add("drain");
            return null;
        }

        @Override
        public void close(long handle) {
            calls.add("close " + handle);
        }
    }
}
