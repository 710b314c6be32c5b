package com.redis.flink.config;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.apache.flink.annotation.Internal;

import java.io.Serializable;
import java.util.Locale;
import java.util.Objects;

/**
 * How to reach a Redis server and for how long to try: what the configs of sources and sinks have
 * in common. They hold one by composition and keep their own documented setters.
 *
 * <p>Made valid once, in {@link Builder#build()}; immutable from then on.
 */
@Internal
public final class ConnectionOptions implements Serializable {

    private static final long serialVersionUID = 1L;

    public static final String DEFAULT_HOST = "localhost";
    public static final int DEFAULT_PORT = 6379;
    public static final String DEFAULT_USER = "default";
    public static final int DEFAULT_CONNECT_TIMEOUT_MILLIS = 5_000;
    public static final int DEFAULT_COMMAND_TIMEOUT_MILLIS = 10_000;
    public static final long DEFAULT_RETRY_TIMEOUT_MILLIS = 60_000;

    private static final String SINGLE_SERVER_ONLY =
            "this version connects to a single server without TLS only; ";

    private final String host;
    private final int port;
    private final String user;
    private final String password;
    private final boolean useClusterApi;
    private final boolean useTls;
    private final MtlsParameters mtlsParameters;
    private final int connectTimeoutMillis;
    private final int commandTimeoutMillis;
    private final long retryTimeoutMillis;
    private final String clientName;

    private ConnectionOptions(Builder builder) {
        host = Options.notBlank("host", builder.host);
        port = Options.port("port", builder.port);
        // Jobs pass what System.getenv gives: not set means the default user, and no
        // authentication.
        user = builder.user == null || builder.user.isEmpty() ? DEFAULT_USER : builder.user;
        password = builder.password == null ? "" : builder.password;
        connectTimeoutMillis =
                Options.atLeast("connectTimeoutMillis", builder.connectTimeoutMillis, 1);
        commandTimeoutMillis =
                Options.atLeast("commandTimeoutMillis", builder.commandTimeoutMillis, 1);
        retryTimeoutMillis = Options.atLeast("retryTimeoutMillis", builder.retryTimeoutMillis, 0L);
        clientName = Options.clientName("clientName", builder.clientName);
        useClusterApi = builder.useClusterApi;
        useTls = builder.useTls;
        mtlsParameters = builder.mtlsParameters;
        if (useClusterApi) {
            throw Options.invalid(
                    "useClusterApi",
                    true,
                    "false (" + SINGLE_SERVER_ONLY + "use a server that is not part of a cluster)");
        }
        if (useTls) {
            throw Options.invalid(
                    "useTls",
                    true,
                    "false ("
                            + SINGLE_SERVER_ONLY
                            + "use a port without TLS, or a TLS tunnel such as stunnel beside each"
                            + " task manager)");
        }
        if (mtlsParameters != null) {
            throw Options.invalid(
                    "mtlsParameters",
                    mtlsParameters,
                    "null ("
                            + SINGLE_SERVER_ONLY
                            + "leave it out and use user and password instead)");
        }
    }

    public static Builder builder() {
        return new Builder();
    }

    public String getHost() {
        return host;
    }

    public int getPort() {
        return port;
    }

    public String getUser() {
        return user;
    }

    /** The password; empty: none. Must not get into logs, messages or {@code toString}. */
    public String getPassword() {
        return password;
    }

    public boolean isUseClusterApi() {
        return useClusterApi;
    }

    public boolean isUseTls() {
        return useTls;
    }

    /** The client's certificates, or null. */
    public MtlsParameters getMtlsParameters() {
        return mtlsParameters;
    }

    public int getConnectTimeoutMillis() {
        return connectTimeoutMillis;
    }

    public int getCommandTimeoutMillis() {
        return commandTimeoutMillis;
    }

    public long getRetryTimeoutMillis() {
        return retryTimeoutMillis;
    }

    public String getClientName() {
        return clientName;
    }

    /** The connection settings that the engine reads (docs/architecture.md), with the password. */
    public ObjectNode toJson() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("host", host)
                .put("port", port)
                .put("user", user)
                .put("password", password)
                .put("clientName", clientName)
                .put("connectTimeoutMillis", connectTimeoutMillis)
                .put("commandTimeoutMillis", commandTimeoutMillis)
                .put("retryTimeoutMillis", retryTimeoutMillis);
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof ConnectionOptions)) {
            return false;
        }
        ConnectionOptions that = (ConnectionOptions) other;
        return toJson().equals(that.toJson());
    }

    @Override
    public int hashCode() {
        return Objects.hash(host, port, user, clientName);
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "redis://%s@%s:%d (%s)", user, host, port, clientName);
    }

    /** Takes the options as they come; {@link #build()} validates them. */
    @Internal
    public static final class Builder {

        private String host = DEFAULT_HOST;
        private int port = DEFAULT_PORT;
        private String user = DEFAULT_USER;
        private String password = "";
        private boolean useClusterApi;
        private boolean useTls;
        private MtlsParameters mtlsParameters;
        private int connectTimeoutMillis = DEFAULT_CONNECT_TIMEOUT_MILLIS;
        private int commandTimeoutMillis = DEFAULT_COMMAND_TIMEOUT_MILLIS;
        private long retryTimeoutMillis = DEFAULT_RETRY_TIMEOUT_MILLIS;
        private String clientName = "flink";

        private Builder() {}

        /** Name or address of the server; default {@code localhost}. */
        public Builder host(String value) {
            host = value;
            return this;
        }

        /** TCP port, 1 to 65535; default 6379. */
        public Builder port(int value) {
            port = value;
            return this;
        }

        /** User of Redis' access control list; null, empty and the default: {@code default}. */
        public Builder user(String value) {
            user = value;
            return this;
        }

        /** Password; null, empty and the default: no authentication. */
        public Builder password(String value) {
            password = value;
            return this;
        }

        /** Whether the server is a seed node of a cluster; only {@code false} in this version. */
        public Builder useClusterApi(boolean value) {
            useClusterApi = value;
            return this;
        }

        /** Whether to encrypt the connection; only {@code false} in this version. */
        public Builder useTls(boolean value) {
            useTls = value;
            return this;
        }

        /** Certificates for TLS on both sides; only {@code null} in this version. */
        public Builder mtlsParameters(MtlsParameters value) {
            mtlsParameters = value;
            return this;
        }

        /** Milliseconds that one attempt to connect may take, 1 or more; default 5000. */
        public Builder connectTimeoutMillis(int value) {
            connectTimeoutMillis = value;
            return this;
        }

        /** Milliseconds that one command may take beyond its own wait, 1 or more; default 10000. */
        public Builder commandTimeoutMillis(int value) {
            commandTimeoutMillis = value;
            return this;
        }

        /**
         * Milliseconds to go on retrying before the job fails, 0 (not at all) or more; default
         * 60000.
         */
        public Builder retryTimeoutMillis(long value) {
            retryTimeoutMillis = value;
            return this;
        }

        /** What {@code CLIENT SETNAME} is given; default {@code flink}. */
        public Builder clientName(String value) {
            clientName = value;
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public ConnectionOptions build() {
            return new ConnectionOptions(this);
        }
    }
}
