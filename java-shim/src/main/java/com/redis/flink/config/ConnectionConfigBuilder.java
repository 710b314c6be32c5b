package com.redis.flink.config;

import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.PublicEvolving;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The options of the connection, which the builders of all sources and sinks have. Takes them as
 * they come; {@link ConnectionOptions} makes them valid when the config is built.
 *
 * <p>Where a text option may be left out, null and empty leave it out: jobs pass what {@code
 * System.getenv} gives.
 *
 * @param <B> the builder, which every setter gives back
 */
@PublicEvolving
public abstract class ConnectionConfigBuilder<B extends ConnectionConfigBuilder<B>> {

    /** The options that were set, for those that must not be set together. */
    final Set<String> given = new TreeSet<>();

    String uri = "";
    String host = ConnectionOptions.DEFAULT_HOST;
    int port = ConnectionOptions.DEFAULT_PORT;
    String unixSocket = "";
    int database;
    boolean useClusterApi;
    List<String> clusterNodes = List.of();
    List<String> sentinels = List.of();
    String sentinelMaster = "";
    String sentinelUser = "";
    String sentinelPassword = "";
    boolean sentinelTls;
    Map<String, String> addressMap = Map.of();
    String user = "";
    String password = "";

    /** Null: user and password are constant. */
    CredentialsProvider credentialsProvider;

    boolean useTls;
    String caFile = "";
    String caCertificates = "";

    /** Null: the client shows no certificate. */
    MtlsParameters mtlsParameters;

    int connectTimeoutMillis = ConnectionOptions.DEFAULT_CONNECT_TIMEOUT_MILLIS;
    int commandTimeoutMillis = ConnectionOptions.DEFAULT_COMMAND_TIMEOUT_MILLIS;
    long retryTimeoutMillis = ConnectionOptions.DEFAULT_RETRY_TIMEOUT_MILLIS;
    long keepaliveMillis = ConnectionOptions.DEFAULT_KEEPALIVE_MILLIS;
    long minBackoffMillis = ConnectionOptions.DEFAULT_MIN_BACKOFF_MILLIS;
    long maxBackoffMillis = ConnectionOptions.DEFAULT_MAX_BACKOFF_MILLIS;

    /** Empty: the config's own default. */
    String clientName = "";

    protected ConnectionConfigBuilder() {}

    /** Returns this builder, by its own type. */
    @Internal
    protected abstract B self();

    /**
     * Sets where the servers are, in one text instead of single options; default: empty, the single
     * options say it. An option that the URI says must not be set besides.
     *
     * <ul>
     *   <li>{@code redis://[user[:password]@]host[:port][/database]}, {@code rediss://} with TLS
     *   <li>{@code redis-sentinel://[user:password@]host[:port][,host[:port]][/database]#master},
     *       {@code rediss-sentinel://} with TLS; the user is that of the Redis servers
     *   <li>{@code redis-socket:///path[?database=number]} or {@code
     *       unix:///path[?database=number]}
     * </ul>
     *
     * <p>IPv6 addresses are in brackets; what is special in a URI is percent-encoded, also in user
     * and password ({@code @} is {@code %40}).
     */
    public B uri(String value) {
        uri = orEmpty(value);
        return given("uri", uri);
    }

    /**
     * Sets the name or address of the server; default, also of null and empty, {@code localhost}.
     */
    public B host(String value) {
        host = orEmpty(value).isEmpty() ? ConnectionOptions.DEFAULT_HOST : value;
        return given("host", orEmpty(value));
    }

    /** Sets the TCP port, 1 to 65535; default 6379. */
    public B port(int value) {
        port = value;
        return given("port");
    }

    /**
     * Sets the path of the Unix domain socket of a server on the same machine as each task manager;
     * default: empty, TCP.
     */
    public B unixSocket(String value) {
        unixSocket = orEmpty(value);
        return given("unixSocket", unixSocket);
    }

    /**
     * Sets the number of the logical database ({@code SELECT}), 0 or more; default 0. Not in a
     * cluster.
     */
    public B database(int value) {
        database = value;
        return given("database");
    }

    /** Sets whether host and port are a seed node of a Redis Cluster; default {@code false}. */
    public B useClusterApi(boolean value) {
        useClusterApi = value;
        return given("useClusterApi");
    }

    /**
     * Sets further seed nodes of the cluster, each {@code host:port} (port 6379 if left out), for
     * the case that the first does not answer; default: none. They take the place of host and port
     * when these are not set. Needs {@link #useClusterApi}.
     */
    public B clusterNodes(String... value) {
        clusterNodes = HostAndPort.split(value);
        return given("clusterNodes");
    }

    /**
     * Sets the Sentinels that know the master, each {@code host:port} (port 26379 if left out), one
     * by one or with commas between them; default: none. Then host and port are not set.
     */
    public B sentinels(String... value) {
        sentinels = HostAndPort.split(value);
        return given("sentinels");
    }

    /** Sets the master's name at the Sentinels; required with {@link #sentinels}. */
    public B sentinelMaster(String value) {
        sentinelMaster = orEmpty(value);
        return given("sentinelMaster", sentinelMaster);
    }

    /**
     * Sets the user at the Sentinels themselves, of no effect without {@link #sentinelPassword};
     * default: empty, {@code default}.
     */
    public B sentinelUser(String value) {
        sentinelUser = orEmpty(value);
        return given("sentinelUser", sentinelUser);
    }

    /**
     * Sets the password at the Sentinels themselves; default: empty, no authentication. Never in
     * logs, exceptions or {@code toString}.
     */
    public B sentinelPassword(String value) {
        sentinelPassword = orEmpty(value);
        return given("sentinelPassword", sentinelPassword);
    }

    /** Sets whether the Sentinels speak TLS; default: if the servers do. */
    public B sentinelTls(boolean value) {
        sentinelTls = value;
        return given("sentinelTls");
    }

    /**
     * Sets where announced addresses can be reached, when a cluster or Sentinels announce addresses
     * that do not work from here (NAT, containers): from {@code host:port} or {@code host} as
     * announced to {@code host:port} or {@code host} to connect to; default: empty, as announced. A
     * host without a port stands for all its ports.
     */
    public B addressMap(Map<String, String> value) {
        addressMap = value == null ? Map.of() : new LinkedHashMap<>(value);
        return given("addressMap");
    }

    /** Sets the user of Redis' access control list; default {@code default}. */
    public B user(String value) {
        user = orEmpty(value);
        return given("user", user);
    }

    /**
     * Sets the password; default: empty, no authentication. Never in logs, exceptions or {@code
     * toString}.
     */
    public B password(String value) {
        password = orEmpty(value);
        return given("password", password);
    }

    /**
     * Gives user and password at every connect, for those that change; default null: {@link #user}
     * and {@link #password}, which must not be set besides.
     */
    public B credentialsProvider(CredentialsProvider value) {
        credentialsProvider = value;
        return self();
    }

    /**
     * Sets whether to encrypt the connection and check the server's certificate, its host name too;
     * default: {@code false}, but {@code true} with certificates ({@link #caFile}, {@link
     * #caCertificates}, {@link #mtlsParameters}).
     */
    public B useTls(boolean value) {
        useTls = value;
        return given("useTls");
    }

    /**
     * Sets the PEM file of the authorities that the server's certificate is checked against, read
     * on job manager and task managers at every connect; default: empty, the system's authorities.
     */
    public B caFile(String value) {
        caFile = orEmpty(value);
        return given("caFile", caFile);
    }

    /** Sets the authorities by content: PEM text; default: empty. */
    public B caCertificates(String value) {
        caCertificates = orEmpty(value);
        return given("caCertificates", caCertificates);
    }

    /**
     * Sets the client's certificate, for TLS on both sides; default {@code null}: it shows none.
     */
    public B mtlsParameters(MtlsParameters value) {
        mtlsParameters = value;
        return self();
    }

    /** Milliseconds that one attempt to connect may take, 1 or more; default 5000. */
    public B connectTimeoutMillis(int value) {
        connectTimeoutMillis = value;
        return self();
    }

    /**
     * Milliseconds that Redis may take to answer, beyond the time that a read blocks, 1 or more;
     * default 10000.
     */
    public B commandTimeoutMillis(int value) {
        commandTimeoutMillis = value;
        return self();
    }

    /**
     * Milliseconds to go on retrying after a lost connection or another fault that may pass, before
     * the job fails; 0 (not at all) or more; default 60000.
     */
    public B retryTimeoutMillis(long value) {
        retryTimeoutMillis = value;
        return self();
    }

    /**
     * Milliseconds of silence after which TCP asks whether the other side is still there, 1000 or
     * more; default 30000.
     */
    public B keepaliveMillis(long value) {
        keepaliveMillis = value;
        return self();
    }

    /** Milliseconds of the first pause between two attempts, 1 or more; default 50. */
    public B minBackoffMillis(long value) {
        minBackoffMillis = value;
        return self();
    }

    /** Milliseconds that the growing pauses between attempts end at; default 2000. */
    public B maxBackoffMillis(long value) {
        maxBackoffMillis = value;
        return self();
    }

    /**
     * Sets the connections' name in {@code CLIENT LIST}: ASCII letters, digits and punctuation;
     * default {@code flink-<consumerGroup>} for sources, {@code flink-sink-<topic>}, {@code
     * flink-sink-json} and {@code flink-sink-hash} for sinks.
     */
    public B clientName(String value) {
        clientName = orEmpty(value);
        return self();
    }

    private B given(String option) {
        given.add(option);
        return self();
    }

    private B given(String option, String value) {
        if (value.isEmpty()) {
            given.remove(option);
            return self();
        }
        return given(option);
    }

    private static String orEmpty(String value) {
        return value == null ? "" : value;
    }
}
