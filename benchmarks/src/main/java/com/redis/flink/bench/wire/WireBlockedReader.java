package com.redis.flink.bench.wire;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Await;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Latencies;
import com.redis.flink.bench.lab.Topic;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Waits in the server for one stream's entries, one command after the other. */
public final class WireBlockedReader implements Contender {

    private final Lab lab;
    private final String name;
    private final int entries;
    private final Topic topic;

    public WireBlockedReader(Lab lab, String name, int entries) {
        this.lab = lab;
        this.name = name;
        this.entries = entries;
        topic = new Topic(lab.server(), "in", 1);
    }

    @Override
    public Kind kind() {
        return Kind.WIRE;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Run prepare() throws IOException {
        topic.createGroup();
        return new WireRun(Latencies.expect(entries));
    }

    private final class WireRun implements Run {

        private final Latencies latencies;
        private final ExecutorService thread = Executors.newSingleThreadExecutor();

        WireRun(Latencies latencies) {
            this.latencies = latencies;
        }

        @Override
        public void work() throws Exception {
            Future<?> reading = thread.submit(this::read);
            latencies.send(lab.server(), topic.streams().get(0));
            reading.get(Await.LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        }

        private Void read() throws IOException {
            String words = "XREADGROUP GROUP bench wire COUNT 1000 BLOCK 500 NOACK STREAMS in:0 >";
            byte[] command = WireConnection.encode(words.split(" "));
            List<String> strings = new ArrayList<>();
            try (WireConnection connection = new WireConnection(lab.server().port())) {
                while (latencies.count() < entries) {
                    connection.send(command);
                    strings.clear();
                    connection.readStrings(strings);
                    // The stream's name, and then of each entry ID, key and data.
                    for (int data = 5; data < strings.size(); data += 5) {
                        Latencies.received(strings.get(data));
                    }
                }
            }
            return null;
        }

        @Override
        public void verify() {
            latencies.verify();
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return latencies.percentiles();
        }

        @Override
        public void close() {
            thread.shutdownNow();
        }
    }
}
