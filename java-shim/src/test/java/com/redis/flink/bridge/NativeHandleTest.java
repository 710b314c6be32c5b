package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NativeHandleTest {

    @Test
    void isGivenOutForClosingOnce() {
        NativeHandle handle = new NativeHandle("native reader", 7);

        assertThat(handle.get()).isEqualTo(7);
        assertThat(handle.release()).isEqualTo(7);
        assertThat(handle.release()).isZero();
        assertThatThrownBy(handle::get)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("The native reader is closed.");
    }
}
