package com.redis.flink;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisException.Kind;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A failure's code and kind say the same. */
class RedisExceptionTest {

    @ParameterizedTest
    @EnumSource(value = Kind.class, names = "OTHER", mode = EnumSource.Mode.EXCLUDE)
    void aCodeIsTheNameOfItsKind(Kind kind) {
        RedisException failure = new RedisException(kind.name(), "no");

        assertThat(failure.getCode()).isEqualTo(kind.name());
        assertThat(failure.getKind()).isEqualTo(kind);
    }

    @Test
    void aCodeOfANewerEngineStays() {
        RedisException failure = new RedisException("QUOTA", "no");

        assertThat(failure.getCode()).isEqualTo("QUOTA");
        assertThat(failure.getKind()).isEqualTo(Kind.OTHER);
    }
}
