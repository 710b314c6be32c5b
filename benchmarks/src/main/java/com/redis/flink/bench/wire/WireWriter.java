package com.redis.flink.bench.wire;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.jobs.WriteCommand;
import com.redis.flink.bench.lab.Server;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Writes records that were encoded before, over one connection: 1000 records at a time, and two
 * such batches in flight.
 */
public final class WireWriter implements Contender {

    private static final int BATCH = 1000;

    private final Server server;
    private final String name;
    private final WriteCommand command;
    private final int records;

    public WireWriter(Server server, String name, WriteCommand command, int records) {
        this.server = server;
        this.name = name;
        this.command = command;
        this.records = records;
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
        List<byte[]> batches = new ArrayList<>();
        ByteArrayOutputStream batch = new ByteArrayOutputStream();
        for (int number = 1; number <= records; number++) {
            command.parts(number).forEach(parts -> WireConnection.encode(batch, parts));
            if (number % BATCH == 0 || number == records) {
                batches.add(batch.toByteArray());
                batch.reset();
            }
        }
        return new WireRun(batches);
    }

    private final class WireRun implements Run {

        private final List<byte[]> batches;
        private final WireConnection connection;

        WireRun(List<byte[]> batches) throws IOException {
            this.batches = batches;
            connection = new WireConnection(server.port());
        }

        @Override
        public void work() throws IOException {
            for (int sent = 0; sent < batches.size(); sent++) {
                connection.send(batches.get(sent));
                if (sent > 0) {
                    connection.skipReplies((long) BATCH * command.commands());
                }
            }
            int last = records - (batches.size() - 1) * BATCH;
            connection.skipReplies((long) last * command.commands());
        }

        @Override
        public void verify() {
            command.verify(server, records);
        }

        @Override
        public Map<Metric, Double> measured(Spent spent) {
            return spent.on(records);
        }

        @Override
        public void close() throws IOException {
            connection.close();
        }
    }
}
