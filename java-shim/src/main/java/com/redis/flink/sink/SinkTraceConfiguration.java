package com.redis.flink.sink;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.Objects;

/**
 * Which writes of a sink are traced, and what is told of them. Each is one event, a JSON object, on
 * the logger {@code com.redis.flink.sink.trace}: at level INFO when the write is sent, at WARN when
 * it failed.
 */
@PublicEvolving
public final class SinkTraceConfiguration implements Serializable {

    private static final long serialVersionUID = 1L;

    private final SinkTraceLevel level;
    private final SinkTraceContents contents;

    /**
     * @param level which writes; required
     * @param contents what of them; required
     * @throws IllegalArgumentException one of them is null
     */
    public SinkTraceConfiguration(SinkTraceLevel level, SinkTraceContents contents) {
        this.level = OptionChecks.required("level", level);
        this.contents = OptionChecks.required("contents", contents);
    }

    public SinkTraceLevel getLevel() {
        return level;
    }

    public SinkTraceContents getContents() {
        return contents;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof SinkTraceConfiguration)) {
            return false;
        }
        SinkTraceConfiguration that = (SinkTraceConfiguration) other;
        return level == that.level && contents == that.contents;
    }

    @Override
    public int hashCode() {
        return Objects.hash(level, contents);
    }

    @Override
    public String toString() {
        return "SinkTraceConfiguration{level=" + level + ", contents=" + contents + "}";
    }
}
