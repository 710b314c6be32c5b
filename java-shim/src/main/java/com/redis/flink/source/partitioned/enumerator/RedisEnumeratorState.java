package com.redis.flink.source.partitioned.enumerator;

import com.redis.flink.source.partitioned.split.RedisSplit;

import org.apache.flink.annotation.Internal;

import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * What a checkpoint holds of the enumerator: which partitions have become splits, and those splits
 * that no reader has yet. Where the others stand is in the readers' state. No partitions at all:
 * the first discovery was not through.
 */
@Internal
public final class RedisEnumeratorState {

    private final String topic;
    private final String consumerGroup;
    private final SortedSet<Integer> discovered;
    private final List<RedisSplit> unassigned;

    public RedisEnumeratorState(
            String topic,
            String consumerGroup,
            Collection<Integer> discovered,
            Collection<RedisSplit> unassigned) {
        this.topic = Objects.requireNonNull(topic, "topic");
        this.consumerGroup = Objects.requireNonNull(consumerGroup, "consumerGroup");
        this.discovered = Collections.unmodifiableSortedSet(new TreeSet<>(discovered));
        this.unassigned = List.copyOf(unassigned);
    }

    public String topic() {
        return topic;
    }

    public String consumerGroup() {
        return consumerGroup;
    }

    public SortedSet<Integer> discovered() {
        return discovered;
    }

    public List<RedisSplit> unassigned() {
        return unassigned;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof RedisEnumeratorState)) {
            return false;
        }
        RedisEnumeratorState that = (RedisEnumeratorState) other;
        return topic.equals(that.topic)
                && consumerGroup.equals(that.consumerGroup)
                && discovered.equals(that.discovered)
                && unassigned.equals(that.unassigned);
    }

    @Override
    public int hashCode() {
        return Objects.hash(topic, consumerGroup, discovered);
    }

    @Override
    public String toString() {
        return "topic "
                + topic
                + ", group "
                + consumerGroup
                + ", partitions "
                + discovered
                + ", unassigned "
                + unassigned;
    }
}
