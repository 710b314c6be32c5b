package com.redis.flink.sink.staging;

import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;

import java.util.Collection;
import java.util.Objects;

/**
 * What a checkpoint holds of an exactly-once writer: its lane, and up to which epoch its staging
 * streams are committed or about to be. Flink gives it to exactly one of the restored writers, so
 * each lane has one owner.
 */
@Internal
public final class RedisWriterState {

    private final String lane;
    private final String incarnation;
    private final long epoch;

    /**
     * @param incarnation the writer's life; empty: none that a checkpoint knows of
     * @param epoch the last one it has prepared; 0: none
     */
    public RedisWriterState(String lane, String incarnation, long epoch) {
        this.lane = lane;
        this.incarnation = incarnation;
        this.epoch = epoch;
    }

    /** Returns what the engine is to keep when it cleans up. */
    static String toJson(Collection<RedisWriterState> states) {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (RedisWriterState state : states) {
            array.addObject()
                    .put("lane", state.lane)
                    .put("incarnation", state.incarnation)
                    .put("epoch", state.epoch);
        }
        return array.toString();
    }

    public String lane() {
        return lane;
    }

    public String incarnation() {
        return incarnation;
    }

    public long epoch() {
        return epoch;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof RedisWriterState)) {
            return false;
        }
        RedisWriterState that = (RedisWriterState) other;
        return epoch == that.epoch
                && lane.equals(that.lane)
                && incarnation.equals(that.incarnation);
    }

    @Override
    public int hashCode() {
        return Objects.hash(lane, incarnation, epoch);
    }

    @Override
    public String toString() {
        return "RedisWriterState{" + lane + ":" + epoch + ":" + incarnation + "}";
    }
}
