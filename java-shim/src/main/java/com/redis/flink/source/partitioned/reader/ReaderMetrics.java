package com.redis.flink.source.partitioned.reader;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.bridge.ReaderBackend;

import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;

import java.util.Map;
import java.util.TreeMap;

/**
 * What the engine counts, as gauges of the reader's metric group, beside the standard metrics that
 * Flink keeps itself. Reporters call them on threads of their own, also after the reader is closed.
 */
final class ReaderMetrics {

    /** The engine's name of a count, and the metric's. */
    private static final Map<String, String> GAUGES =
            new TreeMap<>(
                    Map.of(
                            "acknowledged", "acknowledgedEntries",
                            "owed", "unacknowledgedEntries",
                            "trimmed", "trimmedEntries",
                            "gaps", "gapReplays",
                            "lostWrites", "lostWrites",
                            "reconnects", "reconnects",
                            "bufferedBytes", "bufferedBytes"));

    private static final ObjectMapper JSON = new ObjectMapper();

    private ReaderMetrics() {}

    static void register(MetricGroup group, ReaderBackend backend) {
        GAUGES.forEach(
                (count, metric) -> group.gauge(metric, (Gauge<Long>) () -> read(backend, count)));
    }

    private static long read(ReaderBackend backend, String count) {
        try {
            return JSON.readTree(backend.stats()).path(count).asLong();
        } catch (IllegalStateException e) {
            return 0; // closed
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("The native reader's counts are no JSON", e);
        }
    }
}
