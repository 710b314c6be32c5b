package com.redis.flink.source.partitioned.split;

import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.annotation.Internal;
import org.apache.flink.api.connector.source.SourceSplit;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * One partition's stream and how far it has been emitted. Immutable; this is what a checkpoint
 * holds of a split.
 *
 * <p>It names its consumer group, since the position is worth nothing to a job that reads with
 * another one.
 */
@Internal
public final class RedisSplit implements SourceSplit {

    private final int partition;
    private final String stream;
    private final String consumerGroup;
    private final EntryId position;
    private final List<EntryRun> pending;
    private final EntryId stoppingId;

    /**
     * Creates a split.
     *
     * @param position every entry up to this one has been emitted, but for those in {@code pending}
     * @param pending entries up to the position that are still to be emitted, in order
     * @param stoppingId the last ID to read; null: no end
     */
    public RedisSplit(
            int partition,
            String stream,
            String consumerGroup,
            EntryId position,
            List<EntryRun> pending,
            EntryId stoppingId) {
        this.partition = partition;
        this.stream = Objects.requireNonNull(stream, "stream");
        this.consumerGroup = Objects.requireNonNull(consumerGroup, "consumerGroup");
        this.position = Objects.requireNonNull(position, "position");
        this.pending = List.copyOf(pending);
        this.stoppingId = stoppingId;
    }

    /** Returns the name of a partition's stream. */
    public static String streamOf(String topic, int partition) {
        return topic + ":" + partition;
    }

    /** Returns the stream's name: within a source it is unique and never changes. */
    @Override
    public String splitId() {
        return stream;
    }

    public int partition() {
        return partition;
    }

    public String stream() {
        return stream;
    }

    public String consumerGroup() {
        return consumerGroup;
    }

    public EntryId position() {
        return position;
    }

    public List<EntryRun> pending() {
        return pending;
    }

    public Optional<EntryId> stoppingId() {
        return Optional.ofNullable(stoppingId);
    }

    /**
     * Returns whether this is a split of that topic and group, so that its position means something
     * to them.
     */
    public boolean belongsTo(String topic, String group) {
        return stream.equals(streamOf(topic, partition)) && consumerGroup.equals(group);
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof RedisSplit)) {
            return false;
        }
        RedisSplit that = (RedisSplit) other;
        return partition == that.partition
                && stream.equals(that.stream)
                && consumerGroup.equals(that.consumerGroup)
                && position.equals(that.position)
                && pending.equals(that.pending)
                && Objects.equals(stoppingId, that.stoppingId);
    }

    @Override
    public int hashCode() {
        return Objects.hash(stream, consumerGroup, position);
    }

    @Override
    public String toString() {
        return stream
                + " (group "
                + consumerGroup
                + ", position "
                + position
                + (pending.isEmpty() ? "" : ", runs of pending entries " + pending.size())
                + (stoppingId == null ? "" : ", up to " + stoppingId)
                + ")";
    }
}
