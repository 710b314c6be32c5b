package com.redis.flink.sink.committer;

import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.Collection;
import java.util.Objects;

/** One staging stream: what one epoch of a writer has for one partition. */
@Internal
public final class RedisCommittable {

    private final int partition;
    private final String key;
    private final long records;
    private final long epoch;
    private final String lane;
    private final String incarnation;
    private final long entries;
    private final long largestEntry;

    /**
     * @param key the staging stream's
     * @param records how many records it holds
     * @param lane whose of the writers it is
     * @param incarnation in which life of that writer it was written
     * @param entries how many entries hold the records; 0: an earlier version has made one of each
     * @param largestEntry about how many bytes the largest of them has
     */
    public RedisCommittable(
            int partition,
            String key,
            long records,
            long epoch,
            String lane,
            String incarnation,
            long entries,
            long largestEntry) {
        this.partition = partition;
        this.key = key;
        this.records = records;
        this.epoch = epoch;
        this.lane = lane;
        this.incarnation = incarnation;
        this.entries = entries;
        this.largestEntry = largestEntry;
    }

    /** Returns what the engine has prepared in a lane. */
    public static RedisCommittable fromJson(JsonNode node, String lane, String incarnation) {
        JsonNode packed = field(node, "packed");
        return new RedisCommittable(
                field(node, "partition").intValue(),
                field(node, "key").textValue(),
                field(node, "records").longValue(),
                field(node, "epoch").longValue(),
                lane,
                incarnation,
                field(packed, "entries").longValue(),
                field(packed, "largest").longValue());
    }

    private static JsonNode field(JsonNode node, String name) {
        return Objects.requireNonNull(node.get(name), name);
    }

    /** Returns what the engine is to commit, in that order. */
    static String toJson(Collection<RedisCommittable> committables) {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (RedisCommittable committable : committables) {
            ObjectNode node =
                    array.addObject()
                            .put("partition", committable.partition)
                            .put("key", committable.key)
                            .put("records", committable.records)
                            .put("epoch", committable.epoch)
                            .put("lane", committable.lane)
                            .put("incarnation", committable.incarnation);
            if (committable.entries > 0) {
                node.putObject("packed")
                        .put("entries", committable.entries)
                        .put("largest", committable.largestEntry);
            }
        }
        return array.toString();
    }

    public int partition() {
        return partition;
    }

    public String key() {
        return key;
    }

    public long records() {
        return records;
    }

    public long epoch() {
        return epoch;
    }

    public String lane() {
        return lane;
    }

    public String incarnation() {
        return incarnation;
    }

    long entries() {
        return entries;
    }

    long largestEntry() {
        return largestEntry;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof RedisCommittable)) {
            return false;
        }
        RedisCommittable that = (RedisCommittable) other;
        return partition == that.partition
                && records == that.records
                && epoch == that.epoch
                && entries == that.entries
                && largestEntry == that.largestEntry
                && key.equals(that.key)
                && lane.equals(that.lane)
                && incarnation.equals(that.incarnation);
    }

    @Override
    public int hashCode() {
        return Objects.hash(
                partition, key, records, epoch, lane, incarnation, entries, largestEntry);
    }

    @Override
    public String toString() {
        return "RedisCommittable{" + key + ", " + records + " records}";
    }
}
