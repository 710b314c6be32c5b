package com.redis.flink.bench.wire;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;

/**
 * Reads a topic as fast as the server gives it: a thread and a connection for each partition, two
 * {@code XREADGROUP} in flight on each, and behind each reply an {@code XACK} of all that it holds,
 * or {@code NOACK}.
 */
public final class WireReader implements Contender {

    private final Server server;
    private final String name;
    private final Topic topic;
    private final int entries;
    private final int dataBytes;
    private final int count;
    private final boolean acknowledge;
    private final Function<Spent, Map<Metric, Double>> worth;

    /**
     * @param dataBytes of each entry
     * @param count entries in a reply at most
     * @param worth what a run is worth
     */
    public WireReader(
            Server server,
            String name,
            Topic topic,
            int entries,
            int dataBytes,
            int count,
            boolean acknowledge,
            Function<Spent, Map<Metric, Double>> worth) {
        this.server = server;
        this.name = name;
        this.topic = topic;
        this.entries = entries;
        this.dataBytes = dataBytes;
        this.count = count;
        this.acknowledge = acknowledge;
        this.worth = worth;
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
    public Run prepare() {
        topic.createGroup();
        topic.fill(entries, dataBytes);
        return new WireRun();
    }

    private final class WireRun implements Run {

        private final ExecutorService threads = Executors.newCachedThreadPool();
        private long read;

        @Override
        public void work() throws Exception {
            List<Future<Integer>> parts = new ArrayList<>();
            int[] shares = topic.shares(entries);
            for (int partition = 0; partition < shares.length; partition++) {
                String stream = topic.streams().get(partition);
                int share = shares[partition];
                parts.add(threads.submit(() -> read(stream, share)));
            }
            for (Future<Integer> part : parts) {
                read += part.get();
            }
        }

        private int read(String stream, int share) throws IOException {
            List<String> words = new ArrayList<>(List.of("XREADGROUP", "GROUP", Topic.GROUP));
            words.addAll(List.of("wire", "COUNT", Integer.toString(count)));
            words.addAll(acknowledge ? List.of() : List.of("NOACK"));
            words.addAll(List.of("STREAMS", stream, ">"));
            byte[] command = WireConnection.encode(words.toArray(String[]::new));
            ByteArrayOutputStream ids = new ByteArrayOutputStream();
            int received = 0;
            int unanswered = 1;
            int acknowledgments = 0;
            try (WireConnection connection = new WireConnection(server.port())) {
                connection.send(command);
                while (unanswered > 0 || acknowledgments > 0) {
                    if (received < share && unanswered < 2) {
                        connection.send(command);
                        unanswered++;
                    }
                    ids.reset();
                    int got = connection.skipEntries(acknowledge ? ids : null);
                    if (got < 0) {
                        acknowledgments--;
                        continue;
                    }
                    unanswered--;
                    received += got;
                    if (acknowledge && got > 0) {
                        connection.send(acknowledgment(stream, ids, got));
                        acknowledgments++;
                    }
                }
            }
            return received;
        }

        private byte[] acknowledgment(String stream, ByteArrayOutputStream ids, int entries) {
            ByteArrayOutputStream command = new ByteArrayOutputStream(ids.size() + 128);
            byte[] head = WireConnection.encode("XACK", stream, Topic.GROUP);
            int firstLine = "*3\r\n".length();
            String array = "*" + (entries + 3) + "\r\n";
            command.writeBytes(array.getBytes(StandardCharsets.US_ASCII));
            command.write(head, firstLine, head.length - firstLine);
            command.writeBytes(ids.toByteArray());
            return command.toByteArray();
        }

        @Override
        public void verify() {
            if (read != entries || topic.pending() != 0) {
                throw new IllegalStateException(
                        String.format(
                                "the wire read %d of %d entries, %d are pending",
                                read, entries, topic.pending()));
            }
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return worth.apply(spent);
        }

        @Override
        public void close() {
            threads.shutdownNow();
        }
    }
}
