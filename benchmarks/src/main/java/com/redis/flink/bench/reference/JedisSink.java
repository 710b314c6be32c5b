package com.redis.flink.bench.reference;

import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;

import java.io.IOException;
import java.io.Serializable;

/**
 * The yardstick for writing: a sink as one writes it with Jedis. Commands are collected in a
 * pipeline, which is sent when it is full and at each checkpoint. At least once.
 *
 * @param <T> the records
 */
public final class JedisSink<T> implements Sink<T> {

    private static final long serialVersionUID = 1L;

    private static final int TIMEOUT_MILLIS = 60_000;

    private final String host;
    private final int port;
    private final int buffer;
    private final Command<T> command;

    /**
     * Adds the command, or the commands, that write a record to a pipeline.
     *
     * @param <T> the records
     */
    @FunctionalInterface
    public interface Command<T> extends Serializable {
        void add(T record, Pipeline pipeline);
    }

    /**
     * @param buffer how many records a pipeline takes
     */
    public JedisSink(String host, int port, int buffer, Command<T> command) {
        this.host = host;
        this.port = port;
        this.buffer = buffer;
        this.command = command;
    }

    @Override
    @Deprecated
    public SinkWriter<T> createWriter(InitContext context) {
        return new Writer();
    }

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) {
        return new Writer();
    }

    private final class Writer implements SinkWriter<T> {

        private final Jedis jedis = new Jedis(host, port, TIMEOUT_MILLIS);
        private final Pipeline pipeline = jedis.pipelined();
        private int buffered;

        @Override
        public void write(T record, Context context) throws IOException {
            command.add(record, pipeline);
            if (++buffered == buffer) {
                flush(false);
            }
        }

        @Override
        public void flush(boolean endOfInput) throws IOException {
            for (Object reply : pipeline.syncAndReturnAll()) {
                if (reply instanceof Exception) {
                    throw new IOException("the server rejected a record", (Exception) reply);
                }
            }
            buffered = 0;
        }

        @Override
        public void close() {
            jedis.close();
        }
    }
}
