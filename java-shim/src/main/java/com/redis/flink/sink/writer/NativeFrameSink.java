package com.redis.flink.sink.writer;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.redis.flink.bridge.NativeWriter;
import com.redis.flink.sink.RedisSinkConfig;

import java.io.IOException;

/** Gives frames to the engine. */
final class NativeFrameSink implements FrameSink {

    private final NativeWriter writer;

    private NativeFrameSink(NativeWriter writer) {
        this.writer = writer;
    }

    static NativeFrameSink open(RedisSinkConfig config) throws IOException {
        return new NativeFrameSink(NativeWriter.open(settings(config)));
    }

    /** The sink settings of docs/architecture.md. */
    static String settings(RedisSinkConfig config) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("topic", config.getTopicName())
                .put("numPartitions", config.getNumPartitions())
                .put("maxLen", config.getMaxLen())
                .put("approximateTrimming", config.isApproximateTrimming())
                .put("maxInFlightBytes", config.getMaxInFlightBytes())
                .put("deadLetterStream", config.getFailedSerializationStreamName())
                .set("connection", config.getConnection().toJson())
                .toString();
    }

    @Override
    public void write(byte[] frame, int length) throws IOException, InterruptedException {
        writer.write(frame, length);
    }

    @Override
    public void flush() throws IOException, InterruptedException {
        writer.flush();
    }

    @Override
    public void close() {
        writer.close();
    }
}
