package com.redis.flink.sink;

import com.redis.flink.config.ConnectionConfig;
import com.redis.flink.config.ConnectionConfigBuilder;
import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * What all sinks are told: the server, when to write, and what to do with records that cannot be
 * written.
 */
@PublicEvolving
public abstract class AbstractRedisSinkConfig extends ConnectionConfig {

    private static final long serialVersionUID = 1L;

    /** Default of {@code maxInFlightBytes}: 16 MiB. */
    public static final long DEFAULT_MAX_IN_FLIGHT_BYTES = 16L * 1024 * 1024;

    private final boolean flushOnCheckpoint;
    private final int numMessagesToBuffer;
    private final long flushIntervalMillis;
    private final String failedSerializationStreamName;
    private final SinkTraceConfiguration traceConfiguration;
    private final String otelServiceName;
    private final long maxInFlightBytes;
    private final int minReplicasToAck;

    AbstractRedisSinkConfig(Builder<?> builder, String defaultClientName) {
        super(builder, defaultClientName);
        flushOnCheckpoint = builder.flushOnCheckpoint;
        numMessagesToBuffer =
                OptionChecks.atLeast("numMessagesToBuffer", builder.numMessagesToBuffer, 0);
        flushIntervalMillis =
                OptionChecks.atLeast("flushIntervalMillis", builder.flushIntervalMillis, 0L);
        failedSerializationStreamName =
                OptionChecks.textOrEmpty(
                        "failedSerializationStreamName", builder.failedSerializationStreamName);
        traceConfiguration = builder.traceConfiguration;
        otelServiceName = OptionChecks.textOrEmpty("otelServiceName", builder.otelServiceName);
        maxInFlightBytes = OptionChecks.atLeast("maxInFlightBytes", builder.maxInFlightBytes, 1L);
        minReplicasToAck = OptionChecks.atLeast("minReplicasToAck", builder.minReplicasToAck, 0);
    }

    public boolean isFlushOnCheckpoint() {
        return flushOnCheckpoint;
    }

    public int getNumMessagesToBuffer() {
        return numMessagesToBuffer;
    }

    public long getFlushIntervalMillis() {
        return flushIntervalMillis;
    }

    /** Returns the dead-letter stream; empty: none. */
    public String getFailedSerializationStreamName() {
        return failedSerializationStreamName;
    }

    /** Returns what is traced, or null: nothing. */
    public SinkTraceConfiguration getTraceConfiguration() {
        return traceConfiguration;
    }

    /** Returns the service that spans are reported for; empty: there are none. */
    public String getOtelServiceName() {
        return otelServiceName;
    }

    public long getMaxInFlightBytes() {
        return maxInFlightBytes;
    }

    public int getMinReplicasToAck() {
        return minReplicasToAck;
    }

    /**
     * Returns the sink settings that the engine reads (docs/architecture.md), with the secrets of
     * the connection.
     */
    @Internal
    public final ObjectNode toSettings() {
        ObjectNode settings = JsonNodeFactory.instance.objectNode();
        addOwnSettings(settings);
        settings.put("maxInFlightBytes", maxInFlightBytes)
                .put("deadLetterStream", failedSerializationStreamName)
                .set("connection", getConnection().toJson());
        if (minReplicasToAck > 0) {
            settings.put("minReplicasToAck", minReplicasToAck);
        }
        if (traceConfiguration != null && traceConfiguration.getLevel() != SinkTraceLevel.NONE) {
            // The engine traces what Redis rejects.
            settings.put("trace", traceConfiguration.getContents().name());
        }
        return settings;
    }

    /** Adds the settings that only this kind of sink has. */
    abstract void addOwnSettings(ObjectNode settings);

    /**
     * Takes the options in any order; {@code build()} of the sink's own builder validates them.
     *
     * @param <B> that builder
     */
    @PublicEvolving
    public abstract static class Builder<B extends Builder<B>> extends ConnectionConfigBuilder<B> {

        private boolean flushOnCheckpoint;
        private int numMessagesToBuffer;
        private long flushIntervalMillis;
        private String failedSerializationStreamName = "";
        private SinkTraceConfiguration traceConfiguration;
        private String otelServiceName = "";
        private long maxInFlightBytes = DEFAULT_MAX_IN_FLIGHT_BYTES;
        private int minReplicasToAck;

        Builder() {}

        /**
         * Sets whether records are kept back until a checkpoint; default {@code false}: they are
         * written as they come. Either way a checkpoint completes only when Redis has confirmed all
         * records before it, and after a failure those since the last one are written again.
         *
         * <p>{@code true} makes the stream sink exactly once: {@link
         * RedisSinkConfig.Builder#flushOnCheckpoint}. The JSON and the hash sink then write what is
         * the latest of each key when a checkpoint is taken.
         */
        public B flushOnCheckpoint(boolean flushOnCheckpoint) {
            this.flushOnCheckpoint = flushOnCheckpoint;
            return self();
        }

        /**
         * Sets how many records are collected before they are written together, 0 or more; default
         * 0. 1 waits for Redis' answer after every record. 0 is at once, unless there is a {@link
         * #flushIntervalMillis}. With a number above 1 and no interval, fewer records wait for the
         * next checkpoint or the end of the input.
         */
        public B numMessagesToBuffer(int numMessagesToBuffer) {
            this.numMessagesToBuffer = numMessagesToBuffer;
            return self();
        }

        /**
         * Sets how many milliseconds a record waits at most for others to be written with it, 0 or
         * more; default 0: no time limit if there is a {@link #numMessagesToBuffer}, else at once.
         */
        public B flushIntervalMillis(long flushIntervalMillis) {
            this.flushIntervalMillis = flushIntervalMillis;
            return self();
        }

        /**
         * Sets the stream for records that cannot be written, with fields {@code error}, {@code
         * command}, {@code key} and {@code value}; default: empty, such a record fails the job. No
         * stream of the sink's own topic.
         */
        public B failedSerializationStreamName(String failedSerializationStreamName) {
            this.failedSerializationStreamName = failedSerializationStreamName;
            return self();
        }

        /**
         * Sets the which writes are traced, on the logger {@code com.redis.flink.sink.trace};
         * default {@code null}: none.
         */
        public B traceConfiguration(SinkTraceConfiguration traceConfiguration) {
            this.traceConfiguration = traceConfiguration;
            return self();
        }

        /**
         * Sets the service that spans are reported for; default: empty, none. This version emits
         * none yet.
         */
        public B otelServiceName(String otelServiceName) {
            this.otelServiceName = otelServiceName;
            return self();
        }

        /**
         * Bytes that may be on their way to Redis without an answer, of each parallel writer, 1 or
         * more; default 16 MiB. Beyond that the sink takes no records, which is backpressure.
         */
        public B maxInFlightBytes(long maxInFlightBytes) {
            this.maxInFlightBytes = maxInFlightBytes;
            return self();
        }

        /**
         * Sets how many replicas must have a write before it counts as written ({@code WAIT}), 0
         * (none) or more; default 0. Makes it less likely that a failover loses records, not
         * impossible, and every write waits for its slowest replica.
         */
        public B minReplicasToAck(int minReplicasToAck) {
            this.minReplicasToAck = minReplicasToAck;
            return self();
        }
    }
}
