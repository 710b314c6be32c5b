package com.redis.flink.config;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What the configs of all sources and sinks have in common: the connection. Immutable. */
@PublicEvolving
public abstract class ConnectionConfig implements Serializable {

    private static final long serialVersionUID = 1L;

    private final ConnectionOptions connection;

    /**
     * @param defaultClientName with characters that {@code CLIENT SETNAME} may not take
     */
    protected ConnectionConfig(ConnectionConfigBuilder<?> builder, String defaultClientName) {
        connection = ConnectionOptions.of(builder, OptionChecks.toClientName(defaultClientName));
    }

    /** Returns how the servers are reached. */
    @Internal
    public ConnectionOptions getConnection() {
        return connection;
    }

    /**
     * Returns the server, or a cluster's first seed node; of no meaning with Sentinels or a socket.
     */
    public String getHost() {
        return connection.servers.first().host;
    }

    public int getPort() {
        return connection.servers.first().port;
    }

    /** Returns the Unix domain socket; empty: none. */
    public String getUnixSocket() {
        return connection.servers.unixSocket;
    }

    public int getDatabase() {
        return connection.servers.database;
    }

    public boolean isUseClusterApi() {
        return connection.servers.cluster;
    }

    /** Returns all seed nodes of the cluster, as {@code host:port}; empty: it is no cluster. */
    public List<String> getClusterNodes() {
        return isUseClusterApi() ? texts(connection.servers.seeds) : List.of();
    }

    /** Returns the Sentinels, as {@code host:port}; empty: none. */
    public List<String> getSentinels() {
        return texts(connection.servers.sentinels);
    }

    /** Returns the master's name at the Sentinels; empty: there are no Sentinels. */
    public String getSentinelMaster() {
        return connection.servers.sentinelMaster;
    }

    /** Returns the map from announced addresses to reachable ones. */
    public Map<String, String> getAddressMap() {
        return connection.servers.addressMap;
    }

    public String getUser() {
        return connection.user;
    }

    /**
     * Returns the password; empty: none, or a provider gives it. Must not get into logs or
     * messages.
     */
    public String getPassword() {
        return connection.password;
    }

    public boolean isUseTls() {
        return connection.tls.enabled;
    }

    /** Returns the client's certificates, or null. */
    public MtlsParameters getMtlsParameters() {
        return connection.tls.mtls;
    }

    public int getConnectTimeoutMillis() {
        return connection.connectTimeoutMillis;
    }

    public int getCommandTimeoutMillis() {
        return connection.commandTimeoutMillis;
    }

    public long getRetryTimeoutMillis() {
        return connection.retryTimeoutMillis;
    }

    public long getKeepaliveMillis() {
        return connection.keepaliveMillis;
    }

    public long getMinBackoffMillis() {
        return connection.minBackoffMillis;
    }

    public long getMaxBackoffMillis() {
        return connection.maxBackoffMillis;
    }

    public String getClientName() {
        return connection.clientName;
    }

    private static List<String> texts(List<HostAndPort> servers) {
        return servers.stream().map(HostAndPort::toString).collect(Collectors.toList());
    }
}
