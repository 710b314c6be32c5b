package com.redis.flink.bench.jobs;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spent;
import com.redis.flink.bench.lab.Flink;
import com.redis.flink.bench.lab.Lab;
import com.redis.flink.bench.lab.Meter;
import com.redis.flink.bench.lab.Server;

import org.apache.flink.api.connector.sink2.Sink;

import java.util.Map;

/**
 * A job that writes numbered records. It runs, and holds the first record back, until it is
 * measured; it has done its work when the server has all records.
 */
public final class WriteJob implements Contender {

    private final Flink flink;
    private final Server server;
    private final Kind kind;
    private final String name;
    private final WriteCommand command;
    private final int records;

    /**
     * @param kind {@link Contender.Kind#OURS} or {@link Contender.Kind#REFERENCE}
     */
    public WriteJob(Lab lab, Kind kind, String name, WriteCommand command, int records) {
        flink = lab.flink();
        server = lab.server();
        this.kind = kind;
        this.name = name;
        this.command = command;
        this.records = records;
    }

    @Override
    public Kind kind() {
        return kind;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Run prepare() throws Exception {
        Meter meter = Meter.reset();
        Sink<Long> sink = kind == Kind.OURS ? command.ours(server) : command.reference(server);
        var env = flink.environment(Flink.CHECKPOINT_MILLIS);
        env.fromSequence(1, records)
                .uid("numbers")
                .map(Meter.gate())
                .returns(Long.class)
                .sinkTo(sink)
                .uid("write");
        Flink.Job job = flink.submit(env);
        try {
            job.await("the job has a record", () -> meter.count() > 0);
        } catch (Exception e) {
            meter.openGate();
            job.close();
            throw e;
        }
        return new WriteRun(meter, job);
    }

    private final class WriteRun implements Run {

        private final Meter meter;
        private final Flink.Job job;

        WriteRun(Meter meter, Flink.Job job) {
            this.meter = meter;
            this.job = job;
        }

        @Override
        public void work() throws Exception {
            meter.openGate();
            job.await("all is written", () -> command.written(server) >= records);
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
        public void close() throws Exception {
            meter.openGate();
            job.close();
        }
    }
}
