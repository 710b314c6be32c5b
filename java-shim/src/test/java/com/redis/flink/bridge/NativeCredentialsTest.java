package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The desk asks only when a connect waits, and does not outlive its owner. */
class NativeCredentialsTest {

    private static final String SETTINGS = "{\"connection\":{\"host\":\"h\"},\"topic\":\"t\"}";

    private final FakeDesks desks = new FakeDesks();
    private int asked;

    private final NativeCredentials credentials =
            NativeCredentials.open(Optional.of(() -> "{\"answer\":" + ++asked + "}"), desks);

    @Test
    void theSettingsNameTheDesk() {
        long owner =
                credentials.openOwner(
                        SETTINGS,
                        settings -> {
                            assertThat(settings)
                                    .isEqualTo(
                                            "{\"connection\":{\"host\":\"h\",\"credentials\":17},"
                                                    + "\"topic\":\"t\"}");
                            return 5;
                        });

        assertThat(owner).isEqualTo(5);
        assertThat(desks.calls).containsExactly("open");
    }

    @Test
    void asksWhenAConnectWaits() throws Exception {
        credentials.serve();
        assertThat(asked).isZero();
        desks.wanted = true;
        credentials.serve();
        credentials.serve();

        assertThat(desks.calls)
                .containsExactly("open", "give 17 {\"answer\":1}", "give 17 {\"answer\":2}");
    }

    @Test
    void oneThreadAtATimeAsks() throws Exception {
        CountDownLatch asking = new CountDownLatch(1);
        CountDownLatch answer = new CountDownLatch(1);
        NativeCredentials slow =
                NativeCredentials.open(
                        Optional.of(
                                () -> {
                                    asking.countDown();
                                    await(answer);
                                    return "{}";
                                }),
                        desks);
        desks.wanted = true;
        CompletableFuture<Void> first =
                CompletableFuture.runAsync(
                        () -> {
                            try {
                                slow.serve();
                            } catch (IOException e) {
                                throw new UncheckedIOException(e);
                            }
                        });
        await(asking);

        slow.serve();
        assertThat(desks.calls).as("the other one still asks").containsExactly("open", "open");
        answer.countDown();
        first.get(10, TimeUnit.SECONDS);

        assertThat(desks.calls).containsExactly("open", "open", "give 17 {}");
    }

    @Test
    void aSupplierThatFailsFailsTheCall() {
        NativeCredentials failing =
                NativeCredentials.open(
                        Optional.of(
                                () -> {
                                    throw new IOException("no token");
                                }),
                        desks);
        desks.wanted = true;

        assertThatThrownBy(failing::serve).isInstanceOf(IOException.class).hasMessage("no token");
        assertThat(desks.calls).containsExactly("open", "open");
    }

    @Test
    void isClosedOnceAndUsedNoMore() {
        credentials.close();
        credentials.close();

        assertThat(desks.calls).containsExactly("open", "close 17");
        assertThatThrownBy(credentials::serve).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void isClosedWhenItsOwnerIsNotOpened() {
        assertThatThrownBy(
                        () ->
                                credentials.openOwner(
                                        SETTINGS,
                                        settings -> {
                                            throw new IllegalArgumentException("refused");
                                        }))
                .hasMessage("refused");
        assertThat(desks.calls).containsExactly("open", "close 17");
    }

    @Test
    void servesWhileACallWaits() {
        desks.wanted = true;

        credentials.serveDuring(() -> await(desks.given));

        assertThat(desks.calls).contains("give 17 {\"answer\":1}");
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("redis-credentials"));
    }

    @Test
    void aSupplierThatFailsDoesNotDisturbACallThatWaits() {
        CountDownLatch asked = new CountDownLatch(1);
        NativeCredentials failing =
                NativeCredentials.open(
                        Optional.of(
                                () -> {
                                    asked.countDown();
                                    throw new IOException("no token");
                                }),
                        desks);
        desks.wanted = true;

        failing.serveDuring(() -> await(asked));

        assertThat(desks.calls).containsExactly("open", "open");
    }

    @Test
    void settingsThatCannotBeReadAreNotShown() {
        assertThatThrownBy(() -> credentials.openOwner("{\"password\":\"s3cret", settings -> 5))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageNotContaining("s3cret")
                .hasNoCause();
        assertThat(desks.calls).containsExactly("open", "close 17");
    }

    @Test
    void withoutASupplierThereIsNoDesk() throws Exception {
        FakeDesks none = new FakeDesks();
        NativeCredentials constant = NativeCredentials.open(Optional.empty(), none);
        none.wanted = true;

        assertThat(constant.openOwner(SETTINGS, settings -> settings.equals(SETTINGS) ? 5 : 0))
                .isEqualTo(5);
        constant.serve();
        constant.serveDuring(none.given::countDown);
        constant.close();

        assertThat(none.given.getCount()).isZero();

        assertThat(none.calls).isEmpty();
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static final class FakeDesks implements NativeCredentials.Desks {

        private final List<String> calls = new CopyOnWriteArrayList<>();
        private final CountDownLatch given = new CountDownLatch(1);
        private volatile boolean wanted;

        @Override
        public long open() {
            calls.add("open");
            return 17;
        }

        @Override
        public boolean wanted(long handle) {
            return wanted;
        }

        @Override
        public void give(long handle, String json) {
            calls.add("give " + handle + " " + json);
            given.countDown();
        }

        @Override
        public void close(long handle) {
            calls.add("close " + handle);
        }
    }
}
