package com.redis.flink.bench.lab;

import com.redis.flink.bench.Metric;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.params.XAddParams;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * How long entries take from their {@code XADD} to whoever reads them in this JVM. Each carries the
 * time when it was sent as its data. There is one at a time, and one thread that receives.
 */
public final class Latencies {

    private static final long LEAST_PAUSE = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long MOST_PAUSE = TimeUnit.MILLISECONDS.toNanos(3);

    private static volatile Latencies current = new Latencies(0);

    private final long[] nanos;
    private final AtomicInteger received = new AtomicInteger();

    private Latencies(int entries) {
        nanos = new long[entries];
    }

    /** Begins anew, with so many entries to come. */
    public static Latencies expect(int entries) {
        current = new Latencies(entries);
        return current;
    }

    /** Takes note of an entry; those from before this measurement have 0 as their data. */
    public static void received(String data) {
        long now = System.nanoTime();
        long sent = Long.parseLong(data);
        if (sent != 0) {
            Latencies latencies = current;
            int number = latencies.received.get();
            if (number < latencies.nanos.length) {
                latencies.nanos[number] = now - sent;
            }
            latencies.received.set(number + 1);
        }
    }

    /** Sends the entries, one every 1 to 3 ms. */
    public void send(Server server, String stream) {
        Map<String, String> fields = new LinkedHashMap<>(Map.of("key", "key"));
        try (Jedis jedis = server.connect()) {
            for (int entry = 0; entry < nanos.length; entry++) {
                LockSupport.parkNanos(
                        ThreadLocalRandom.current().nextLong(LEAST_PAUSE, MOST_PAUSE));
                fields.put("data", Long.toString(System.nanoTime()));
                jedis.xadd(stream, XAddParams.xAddParams(), fields);
            }
        }
    }

    public int count() {
        return received.get();
    }

    /** Checks that each entry came once. */
    public void verify() {
        if (received.get() != nanos.length) {
            throw new IllegalStateException(received + " of " + nanos.length + " entries came");
        }
    }

    /** Returns median, 99th percentile and maximum. */
    public Map<Metric, Double> percentiles() {
        long[] sorted = nanos.clone();
        Arrays.sort(sorted);
        Map<Metric, Double> measured = new EnumMap<>(Metric.class);
        measured.put(Metric.P50, sorted[sorted.length / 2] / 1e6);
        measured.put(Metric.P99, sorted[sorted.length * 99 / 100] / 1e6);
        measured.put(Metric.MAX, sorted[sorted.length - 1] / 1e6);
        return measured;
    }
}
