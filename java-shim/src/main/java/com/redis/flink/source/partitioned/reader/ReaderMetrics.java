package com.redis.flink.source.partitioned.reader;

import com.redis.flink.bridge.ReaderEngine;

import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.MissingNode;

import java.io.IOException;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * What the engine counts, as gauges of the reader's metric group, beside the standard metrics that
 * Flink keeps itself. Reporters call them on threads of their own, also after the reader is closed.
 * All gauges of one report come from one reading.
 */
final class ReaderMetrics {

    /** The metrics, which are the engine's names of its counts, too. */
    private static final List<String> GAUGES =
            List.of(
                    "acknowledgedEntries",
                    "unacknowledgedEntries",
                    "unacknowledgedIdBytes",
                    "trimmedEntries",
                    "gapReplays",
                    "lostWrites",
                    "reconnects",
                    "bufferedBytes");

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Gauges that are asked within this time, as one report does, share one reading. */
    private static final long MAX_AGE_MILLIS = 100;

    private final ReaderEngine engine;
    private final LongSupplier clockMillis;

    /** Null: never read. */
    private JsonNode counts;

    private long readAt;

    private ReaderMetrics(ReaderEngine engine, LongSupplier clockMillis) {
        this.engine = engine;
        this.clockMillis = clockMillis;
    }

    static void register(MetricGroup group, ReaderEngine engine) {
        register(group, engine, () -> System.nanoTime() / 1_000_000);
    }

    static void register(MetricGroup group, ReaderEngine engine, LongSupplier clockMillis) {
        ReaderMetrics metrics = new ReaderMetrics(engine, clockMillis);
        GAUGES.forEach(name -> group.gauge(name, (Gauge<Long>) () -> metrics.get(name)));
    }

    private synchronized long get(String name) {
        long now = clockMillis.getAsLong();
        if (counts == null || now - readAt >= MAX_AGE_MILLIS) {
            counts = read();
            readAt = now;
        }
        return counts.path(name).asLong();
    }

    private JsonNode read() {
        try {
            return JSON.readTree(engine.stats());
        } catch (IllegalStateException e) {
            return MissingNode.getInstance(); // closed: all counts are 0
        } catch (IOException e) {
            throw new IllegalStateException("The native reader's counts are no JSON", e);
        }
    }
}
