package com.redis.flink.source.partitioned.reader;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.Test;

import java.util.Map;
import java.util.TreeMap;

class ReaderMetricsTest {

    @Test
    void everyCountOfTheEngineIsAGauge() {
        Map<String, Gauge<?>> gauges = new TreeMap<>();
        UnregisteredMetricsGroup group =
                new UnregisteredMetricsGroup() {
                    @Override
                    public <T, G extends Gauge<T>> G gauge(String name, G gauge) {
                        gauges.put(name, gauge);
                        return gauge;
                    }
                };
        ReaderMetrics.register(group, new FakeReader());
        assertThat(gauges)
                .containsOnlyKeys(
                        "acknowledgedEntries",
                        "bufferedBytes",
                        "gapReplays",
                        "lostWrites",
                        "reconnects",
                        "trimmedEntries",
                        "unacknowledgedEntries");
        assertThat(gauges.get("gapReplays").getValue()).isEqualTo(3L);
        assertThat(gauges.get("lostWrites").getValue()).isEqualTo(0L);
    }
}
