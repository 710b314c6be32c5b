package com.redis.flink.config;

import org.apache.flink.annotation.Internal;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Objects;
import java.util.Optional;

/**
 * How to reach the Redis servers and for how long to try. {@link ConnectionConfig} shows it to
 * users, the engine reads it as JSON.
 *
 * <p>Made valid once, from a {@link ConnectionConfigBuilder}; immutable from then on.
 */
@Internal
public final class ConnectionOptions implements Serializable {

    private static final long serialVersionUID = 1L;

    public static final String DEFAULT_HOST = "localhost";
    public static final int DEFAULT_PORT = 6379;
    public static final int DEFAULT_SENTINEL_PORT = 26379;
    public static final String DEFAULT_USER = "default";
    public static final int DEFAULT_CONNECT_TIMEOUT_MILLIS = 5_000;
    public static final int DEFAULT_COMMAND_TIMEOUT_MILLIS = 10_000;
    public static final long DEFAULT_RETRY_TIMEOUT_MILLIS = 60_000;
    public static final long DEFAULT_KEEPALIVE_MILLIS = 30_000;
    public static final long DEFAULT_MIN_BACKOFF_MILLIS = 50;
    public static final long DEFAULT_MAX_BACKOFF_MILLIS = 2_000;

    /** TCP counts in seconds. */
    private static final long MIN_KEEPALIVE_MILLIS = 1_000;

    final ServerOptions servers;
    final TlsOptions tls;
    final String user;
    final String password;

    /** Null: user and password are constant. */
    final CredentialsProvider credentialsProvider;

    final int connectTimeoutMillis;
    final int commandTimeoutMillis;
    final long retryTimeoutMillis;
    final long keepaliveMillis;
    final long minBackoffMillis;
    final long maxBackoffMillis;
    final String clientName;

    private ConnectionOptions(ConnectionConfigBuilder<?> builder, String defaultClientName) {
        RedisUri uri = RedisUri.parse(builder.uri);
        for (String option : uri.options()) {
            if (builder.given.contains(option)) {
                throw OptionChecks.invalid(
                        "uri", uri + " and option " + option + " is set", "one of the two");
            }
        }
        tls = new TlsOptions(builder, uri);
        servers = new ServerOptions(builder, uri, tls.enabled);
        String givenUser = uri.user.isEmpty() ? builder.user : uri.user;
        user = givenUser.isEmpty() ? DEFAULT_USER : OptionChecks.textOrEmpty("user", givenUser);
        password = uri.password.isEmpty() ? builder.password : uri.password;
        credentialsProvider = builder.credentialsProvider;
        if (credentialsProvider != null && !(givenUser + password).isEmpty()) {
            throw OptionChecks.invalid(
                    "credentialsProvider",
                    "set and option user or password is set",
                    "the provider, or user and password");
        }
        connectTimeoutMillis =
                OptionChecks.atLeast("connectTimeoutMillis", builder.connectTimeoutMillis, 1);
        commandTimeoutMillis =
                OptionChecks.atLeast("commandTimeoutMillis", builder.commandTimeoutMillis, 1);
        retryTimeoutMillis =
                OptionChecks.atLeast("retryTimeoutMillis", builder.retryTimeoutMillis, 0L);
        keepaliveMillis =
                OptionChecks.atLeast(
                        "keepaliveMillis", builder.keepaliveMillis, MIN_KEEPALIVE_MILLIS);
        minBackoffMillis = OptionChecks.atLeast("minBackoffMillis", builder.minBackoffMillis, 1L);
        maxBackoffMillis = builder.maxBackoffMillis;
        if (maxBackoffMillis < minBackoffMillis) {
            throw OptionChecks.invalid(
                    "maxBackoffMillis",
                    maxBackoffMillis,
                    minBackoffMillis + " (option minBackoffMillis) or more");
        }
        clientName =
                OptionChecks.clientName(
                        "clientName",
                        builder.clientName.isEmpty() ? defaultClientName : builder.clientName);
    }

    /**
     * Validates the options of a builder.
     *
     * @throws IllegalArgumentException naming the option, its value, and what is allowed
     */
    static ConnectionOptions of(ConnectionConfigBuilder<?> builder, String defaultClientName) {
        return new ConnectionOptions(builder, defaultClientName);
    }

    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns the connection settings that the engine reads (docs/architecture.md), with the
     * secrets.
     */
    public ObjectNode toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.set("deployment", servers.toJson());
        json.put("user", user)
                .put("password", password)
                .put("clientName", clientName)
                .put("connectTimeoutMillis", connectTimeoutMillis)
                .put("commandTimeoutMillis", commandTimeoutMillis)
                .put("retryTimeoutMillis", retryTimeoutMillis)
                .put("keepaliveMillis", keepaliveMillis)
                .put("minBackoffMillis", minBackoffMillis)
                .put("maxBackoffMillis", maxBackoffMillis);
        if (credentials().isPresent()) {
            json.put("credentials", true);
        }
        if (tls.enabled) {
            json.set("tls", tls.isConstant() ? constantTls() : json.objectNode());
        }
        return json;
    }

    private ObjectNode constantTls() {
        try {
            return TlsMaterial.read(tls).toJson();
        } catch (IOException e) {
            // It could be read when the options were made valid.
            throw new UncheckedIOException(e);
        }
    }

    /** Returns what must be asked for at every connect; empty: the settings say all there is. */
    public Optional<CredentialsSupplier> credentials() {
        return credentialsProvider == null && tls.isConstant()
                ? Optional.empty()
                : Optional.of(this::current);
    }

    /** Returns the answer to the engine's request for credentials, see docs/architecture.md. */
    private String current() throws IOException {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (credentialsProvider != null) {
            Credentials credentials = provided();
            json.put("user", credentials.getUser()).put("password", credentials.getPassword());
        }
        if (!tls.isConstant()) {
            try {
                json.set("tls", TlsMaterial.read(tls).toJson());
            } catch (IOException e) {
                throw new IOException(endpoint() + ": " + e.getMessage(), e);
            }
        }
        return json.toString();
    }

    private Credentials provided() throws IOException {
        Credentials credentials;
        try {
            credentials = credentialsProvider.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw providerFailed("was interrupted", e);
        } catch (Exception e) {
            throw providerFailed("has failed with " + e.getClass().getName(), e);
        }
        if (credentials == null) {
            throw providerFailed("gave null", null);
        }
        return credentials;
    }

    private IOException providerFailed(String how, Exception cause) {
        return new IOException(
                endpoint()
                        + ": option credentialsProvider: "
                        + credentialsProvider.getClass().getName()
                        + " "
                        + how
                        + "; it must give user and password, or retry itself what may pass",
                cause);
    }

    /** The servers as a URI; the user is in it if there is a password. */
    private String endpoint() {
        return servers.toUri(password.isEmpty() ? "" : user + "@", tls.enabled);
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
        return servers.equals(that.servers)
                && tls.equals(that.tls)
                && user.equals(that.user)
                && password.equals(that.password)
                && Objects.equals(credentialsProvider, that.credentialsProvider)
                && connectTimeoutMillis == that.connectTimeoutMillis
                && commandTimeoutMillis == that.commandTimeoutMillis
                && retryTimeoutMillis == that.retryTimeoutMillis
                && keepaliveMillis == that.keepaliveMillis
                && minBackoffMillis == that.minBackoffMillis
                && maxBackoffMillis == that.maxBackoffMillis
                && clientName.equals(that.clientName);
    }

    @Override
    public int hashCode() {
        return Objects.hash(servers, tls, user, clientName);
    }

    @Override
    public String toString() {
        return endpoint() + " (" + clientName + ")";
    }

    /** The connection's options alone. */
    @Internal
    public static final class Builder extends ConnectionConfigBuilder<Builder> {

        private Builder() {}

        @Override
        protected Builder self() {
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public ConnectionOptions build() {
            return of(this, "flink");
        }
    }
}
