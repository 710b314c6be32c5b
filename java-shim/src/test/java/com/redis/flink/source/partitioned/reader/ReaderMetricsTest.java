package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.Test;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

class ReaderMetricsTest {

    private final Map<String, Gauge<?>> gauges = new TreeMap<>();
    private final UnregisteredMetricsGroup group =
            new UnregisteredMetricsGroup() {
                @Override
                public <T, G extends Gauge<T>> G gauge(String name, G gauge) {
                    gauges.put(name, gauge);
                    return gauge;
                }
            };
    private final FakeReader engine = new FakeReader();

    @Test
    void everyCountOfTheEngineIsAGauge() {
        ReaderMetrics.register(group, engine);
        assertThat(gauges)
                .containsOnlyKeys(
                        "acknowledgedEntries",
                        "bufferedBytes",
                        "gapReplays",
                        "lostWrites",
                        "reconnects",
                        "trimmedEntries",
                        "unacknowledgedEntries",
                        "unacknowledgedIdBytes");
        assertThat(gauges.get("gapReplays").getValue()).isEqualTo(3L);
        assertThat(gauges.get("lostWrites").getValue()).isEqualTo(0L);
    }

    @Test
    void aReportReadsTheCountsOnce() {
        AtomicLong clock = new AtomicLong(5);
        ReaderMetrics.register(group, engine, clock::get);
        gauges.values().forEach(Gauge::getValue);
        assertThat(engine.calls).containsExactly("stats");

        engine.stats = "{\"gapReplays\":4}";
        assertThat(gauges.get("gapReplays").getValue()).isEqualTo(3L);
        clock.addAndGet(100);
        assertThat(gauges.get("gapReplays").getValue()).isEqualTo(4L);
        gauges.values().forEach(Gauge::getValue);
        assertThat(engine.calls).containsExactly("stats", "stats");
    }

    @Test
    void aReaderThatIsClosedCountsNothing() {
        ReaderMetrics.register(group, engine);
        engine.stats = null;
        assertThat(gauges.get("gapReplays").getValue()).isEqualTo(0L);
    }
}
