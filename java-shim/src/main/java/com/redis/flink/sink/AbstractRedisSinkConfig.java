package com.redis.flink.sink;

import com.redis.flink.config.ConnectionOptions;
import com.redis.flink.config.MtlsParameters;
import com.redis.flink.config.Options;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;

/**
 * What all sinks are told: the server, when to write, and what to do with records that cannot be
 * written.
 */
@PublicEvolving
public abstract class AbstractRedisSinkConfig implements Serializable {

    private static final long serialVersionUID = 1L;

    /** Default of {@code maxInFlightBytes}: 16 MiB. */
    public static final long DEFAULT_MAX_IN_FLIGHT_BYTES = 16L * 1024 * 1024;

    private final ConnectionOptions connection;
    private final boolean flushOnCheckpoint;
    private final int numMessagesToBuffer;
    private final long flushIntervalMillis;
    private final String failedSerializationStreamName;
    private final SinkTraceConfiguration traceConfiguration;
    private final String otelServiceName;
    private final long maxInFlightBytes;

    AbstractRedisSinkConfig(Builder<?> builder, String defaultClientName) {
        if (builder.clientName == null) {
            builder.connection.clientName(Options.toClientName(defaultClientName));
        } else {
            builder.connection.clientName(builder.clientName);
        }
        connection = builder.connection.build();
        flushOnCheckpoint = builder.flushOnCheckpoint;
        numMessagesToBuffer =
                Options.atLeast("numMessagesToBuffer", builder.numMessagesToBuffer, 0);
        flushIntervalMillis =
                Options.atLeast("flushIntervalMillis", builder.flushIntervalMillis, 0L);
        failedSerializationStreamName = orEmpty(builder.failedSerializationStreamName);
        traceConfiguration = builder.traceConfiguration;
        otelServiceName = orEmpty(builder.otelServiceName);
        maxInFlightBytes = Options.atLeast("maxInFlightBytes", builder.maxInFlightBytes, 1L);
    }

    private static String orEmpty(String value) {
        return value == null ? "" : value;
    }

    /** How the server is reached. */
    @Internal
    public ConnectionOptions getConnection() {
        return connection;
    }

    public String getHost() {
        return connection.getHost();
    }

    public int getPort() {
        return connection.getPort();
    }

    public String getUser() {
        return connection.getUser();
    }

    public String getPassword() {
        return connection.getPassword();
    }

    public boolean isUseClusterApi() {
        return connection.isUseClusterApi();
    }

    public boolean isUseTls() {
        return connection.isUseTls();
    }

    /** The client's certificates, or null. */
    public MtlsParameters getMtlsParameters() {
        return connection.getMtlsParameters();
    }

    public int getConnectTimeoutMillis() {
        return connection.getConnectTimeoutMillis();
    }

    public int getCommandTimeoutMillis() {
        return connection.getCommandTimeoutMillis();
    }

    public long getRetryTimeoutMillis() {
        return connection.getRetryTimeoutMillis();
    }

    public String getClientName() {
        return connection.getClientName();
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

    /** The dead-letter stream; empty: none. */
    public String getFailedSerializationStreamName() {
        return failedSerializationStreamName;
    }

    /** What is traced, or null: nothing. */
    public SinkTraceConfiguration getTraceConfiguration() {
        return traceConfiguration;
    }

    /** The service that spans are reported for; empty: there are none. */
    public String getOtelServiceName() {
        return otelServiceName;
    }

    public long getMaxInFlightBytes() {
        return maxInFlightBytes;
    }

    /**
     * Takes the options in any order; {@code build()} of the sink's own builder validates them.
     *
     * @param <B> that builder
     */
    @PublicEvolving
    public abstract static class Builder<B extends Builder<B>> {

        private final ConnectionOptions.Builder connection = ConnectionOptions.builder();
        private String clientName;
        private boolean flushOnCheckpoint;
        private int numMessagesToBuffer;
        private long flushIntervalMillis;
        private String failedSerializationStreamName = "";
        private SinkTraceConfiguration traceConfiguration;
        private String otelServiceName = "";
        private long maxInFlightBytes = DEFAULT_MAX_IN_FLIGHT_BYTES;

        Builder() {}

        abstract B self();

        /** Name or address of the server; default {@code localhost}. */
        public B host(String host) {
            connection.host(host);
            return self();
        }

        /** TCP port, 1 to 65535; default 6379. */
        public B port(int port) {
            connection.port(port);
            return self();
        }

        /**
         * Password; default: empty, no authentication. Never in logs, exceptions or {@code
         * toString}.
         */
        public B password(String password) {
            connection.password(password);
            return self();
        }

        /** User of Redis' access control list; default {@code default}. */
        public B user(String user) {
            connection.user(user);
            return self();
        }

        /**
         * Whether records become visible only when the checkpoint that holds them completes;
         * default {@code false}.
         *
         * <p>In this version both values mean the same: records are written as they come, and a
         * checkpoint completes only when Redis has confirmed all of them: at least once. After a
         * failure, records since the last checkpoint are written again.
         */
        public B flushOnCheckpoint(boolean flushOnCheckpoint) {
            this.flushOnCheckpoint = flushOnCheckpoint;
            return self();
        }

        /**
         * How many records are collected before they are written together, 0 or more; default 0. 1
         * waits for Redis' answer after every record. 0 is at once, unless there is a {@link
         * #flushIntervalMillis}. With a number above 1 and no interval, fewer records wait for the
         * next checkpoint or the end of the input.
         */
        public B numMessagesToBuffer(int numMessagesToBuffer) {
            this.numMessagesToBuffer = numMessagesToBuffer;
            return self();
        }

        /**
         * How many milliseconds a record waits at most for others to be written with it, 0 or more;
         * default 0: no time limit if there is a {@link #numMessagesToBuffer}, else at once.
         */
        public B flushIntervalMillis(long flushIntervalMillis) {
            this.flushIntervalMillis = flushIntervalMillis;
            return self();
        }

        /**
         * The stream for records that cannot be written, with fields {@code error}, {@code
         * command}, {@code key} and {@code value}; default: empty, such a record fails the job.
         */
        public B failedSerializationStreamName(String failedSerializationStreamName) {
            this.failedSerializationStreamName = failedSerializationStreamName;
            return self();
        }

        /** Whether to encrypt the connection; only {@code false}, the default, in this version. */
        public B useTls(boolean useTls) {
            connection.useTls(useTls);
            return self();
        }

        /** Certificates for TLS on both sides; only {@code null}, the default, in this version. */
        public B mtlsParameters(MtlsParameters mtlsParameters) {
            connection.mtlsParameters(mtlsParameters);
            return self();
        }

        /**
         * Which writes are traced, on the logger {@code com.redis.flink.sink.trace}; default {@code
         * null}: none.
         */
        public B traceConfiguration(SinkTraceConfiguration traceConfiguration) {
            this.traceConfiguration = traceConfiguration;
            return self();
        }

        /**
         * The service that spans are reported for; default: empty, none. This version emits none
         * yet.
         */
        public B otelServiceName(String otelServiceName) {
            this.otelServiceName = otelServiceName;
            return self();
        }

        /**
         * Whether host and port are a cluster's seed; only {@code false}, the default, in this
         * version.
         */
        public B useClusterApi(boolean useClusterApi) {
            connection.useClusterApi(useClusterApi);
            return self();
        }

        /** Milliseconds that one attempt to connect may take, 1 or more; default 5000. */
        public B connectTimeoutMillis(int connectTimeoutMillis) {
            connection.connectTimeoutMillis(connectTimeoutMillis);
            return self();
        }

        /** Milliseconds that Redis may take to answer, 1 or more; default 10000. */
        public B commandTimeoutMillis(int commandTimeoutMillis) {
            connection.commandTimeoutMillis(commandTimeoutMillis);
            return self();
        }

        /**
         * Milliseconds to go on retrying after a lost connection or another fault that may pass,
         * before the job fails; 0 (not at all) or more; default 60000.
         */
        public B retryTimeoutMillis(long retryTimeoutMillis) {
            connection.retryTimeoutMillis(retryTimeoutMillis);
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
         * The connections' name in {@code CLIENT LIST}: ASCII letters, digits and punctuation;
         * default {@code flink-sink-<topic>}.
         */
        public B clientName(String clientName) {
            this.clientName = clientName;
            return self();
        }
    }
}
