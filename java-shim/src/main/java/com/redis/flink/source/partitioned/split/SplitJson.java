package com.redis.flink.source.partitioned.split;

import com.redis.flink.wire.EntryId;
import com.redis.flink.wire.EntryRun;

import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Splits and positions as the native engine writes and reads them (docs/architecture.md, "JSON of
 * the control plane").
 */
@Internal
public final class SplitJson {

    private SplitJson() {}

    /** Returns an array of splits, to start reading them. */
    public static String toJson(Collection<RedisSplit> splits) {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        for (RedisSplit split : splits) {
            ObjectNode node = position(array.addObject(), split);
            node.put("stoppingId", split.stoppingId().map(EntryId::toString).orElse(null));
        }
        return array.toString();
    }

    /** Returns an array of positions: what a checkpoint holds. */
    public static String toPositions(Collection<RedisSplit> splits) {
        ArrayNode array = JsonNodeFactory.instance.arrayNode();
        splits.forEach(split -> position(array.addObject(), split));
        return array.toString();
    }

    /** Returns a split that the native enumerator has found. */
    public static RedisSplit fromJson(JsonNode node, String topic, String consumerGroup) {
        int partition = node.path("partition").asInt();
        List<EntryRun> pending = new ArrayList<>();
        node.path("pending").forEach(run -> pending.add(EntryRun.parse(run.asText())));
        JsonNode stoppingId = node.path("stoppingId");
        return new RedisSplit(
                partition,
                RedisSplit.streamOf(topic, partition),
                consumerGroup,
                EntryId.parse(node.path("position").asText()),
                pending,
                stoppingId.isTextual() ? EntryId.parse(stoppingId.asText()) : null);
    }

    private static ObjectNode position(ObjectNode node, RedisSplit split) {
        node.put("partition", split.partition()).put("position", split.position().toString());
        ArrayNode pending = node.putArray("pending");
        split.pending().forEach(run -> pending.add(run.toString()));
        return node;
    }
}
