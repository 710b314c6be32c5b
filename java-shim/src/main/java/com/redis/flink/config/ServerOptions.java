package com.redis.flink.config;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * Which Redis servers there are, and how they are found: one server by TCP or by a Unix domain
 * socket, a cluster by seed nodes, or the master that Sentinels know.
 */
final class ServerOptions implements Serializable {

    private static final long serialVersionUID = 1L;

    /** One server, or a cluster's seed nodes; of no meaning with a socket or Sentinels. */
    final List<HostAndPort> seeds;

    final boolean cluster;
    final List<HostAndPort> sentinels;
    final String sentinelMaster;
    final String unixSocket;
    final int database;
    final Map<String, String> addressMap;

    private final String sentinelUser;
    private final String sentinelPassword;
    private final boolean sentinelTls;

    ServerOptions(ConnectionConfigBuilder<?> builder, RedisUri uri, boolean tls) {
        cluster = builder.useClusterApi;
        unixSocket =
                OptionChecks.textOrEmpty(
                        "unixSocket",
                        uri.unixSocket.isEmpty() ? builder.unixSocket : uri.unixSocket);
        database =
                OptionChecks.atLeast(
                        "database", uri.database == null ? builder.database : uri.database, 0);
        sentinels = uri.isSentinel() ? List.copyOf(uri.servers) : sentinels(builder);
        sentinelMaster =
                OptionChecks.textOrEmpty(
                        "sentinelMaster",
                        uri.sentinelMaster.isEmpty() ? builder.sentinelMaster : uri.sentinelMaster);
        sentinelUser =
                builder.sentinelUser.isEmpty()
                        ? ConnectionOptions.DEFAULT_USER
                        : OptionChecks.textOrEmpty("sentinelUser", builder.sentinelUser);
        sentinelPassword = builder.sentinelPassword;
        sentinelTls = builder.given.contains("sentinelTls") ? builder.sentinelTls : tls;
        seeds = seeds(builder, uri);
        addressMap = addressMap(builder.addressMap);
        boolean hostGiven = builder.given.contains("host") || builder.given.contains("port");
        checkSocket(hostGiven, tls);
        checkCluster(builder);
        checkSentinels(builder, hostGiven);
        if (!addressMap.isEmpty() && !cluster && sentinels.isEmpty()) {
            throw OptionChecks.invalid(
                    "addressMap",
                    addressMap,
                    "empty, or with option useClusterApi or sentinels (a single server announces no"
                            + " address)");
        }
    }

    private static List<HostAndPort> sentinels(ConnectionConfigBuilder<?> builder) {
        return builder.sentinels.stream()
                .map(
                        text ->
                                HostAndPort.parse(
                                        "sentinels", text, ConnectionOptions.DEFAULT_SENTINEL_PORT))
                .collect(Collectors.toUnmodifiableList());
    }

    private static List<HostAndPort> seeds(ConnectionConfigBuilder<?> builder, RedisUri uri) {
        List<HostAndPort> seeds = new ArrayList<>();
        builder.clusterNodes.forEach(
                text ->
                        seeds.add(
                                HostAndPort.parse(
                                        "clusterNodes", text, ConnectionOptions.DEFAULT_PORT)));
        if (!uri.servers.isEmpty() && !uri.isSentinel()) {
            seeds.add(0, uri.servers.get(0));
        } else if (seeds.isEmpty()
                || builder.given.contains("host")
                || builder.given.contains("port")) {
            String host = OptionChecks.notBlank("host", builder.host);
            boolean bracketed = host.startsWith("[") && host.endsWith("]");
            seeds.add(
                    0,
                    new HostAndPort(
                            bracketed ? host.substring(1, host.length() - 1) : host,
                            OptionChecks.port("port", builder.port)));
        }
        return List.copyOf(seeds);
    }

    /** As the engine reads them: an IPv6 address has brackets when there is a port, else none. */
    private static Map<String, String> addressMap(Map<String, String> given) {
        Map<String, String> addresses = new LinkedHashMap<>();
        given.forEach(
                (announced, reachable) -> {
                    HostAndPort from =
                            HostAndPort.parse("addressMap", announced, HostAndPort.NO_PORT);
                    HostAndPort to =
                            HostAndPort.parse("addressMap", reachable, HostAndPort.NO_PORT);
                    if (to.port == HostAndPort.NO_PORT && to.host.contains(":")) {
                        throw OptionChecks.invalid(
                                "addressMap",
                                "\"" + reachable + "\"",
                                "an IPv6 address to connect to in brackets and with its port");
                    }
                    addresses.put(from.toString(), to.toString());
                });
        return Collections.unmodifiableMap(addresses);
    }

    private void checkSocket(boolean hostGiven, boolean tls) {
        if (unixSocket.isEmpty()) {
            return;
        }
        String socket = "\"" + unixSocket + "\"";
        refuse(hostGiven, "unixSocket", socket, "option host or port is set");
        refuse(cluster, "unixSocket", socket, "option useClusterApi is true");
        refuse(!sentinels.isEmpty(), "unixSocket", socket, "option sentinels is " + sentinels);
        refuse(tls, "unixSocket", socket, "TLS is on");
    }

    private void checkCluster(ConnectionConfigBuilder<?> builder) {
        if (cluster) {
            refuse(!sentinels.isEmpty(), "useClusterApi", true, "option sentinels is " + sentinels);
            refuse(database != 0, "useClusterApi", true, "option database is " + database);
        } else if (!builder.clusterNodes.isEmpty()) {
            throw OptionChecks.invalid(
                    "clusterNodes", builder.clusterNodes, "none, or useClusterApi(true) with them");
        }
    }

    private void checkSentinels(ConnectionConfigBuilder<?> builder, boolean hostGiven) {
        if (!sentinels.isEmpty()) {
            refuse(hostGiven, "sentinels", sentinels, "option host or port is set");
            if (sentinelMaster.isEmpty()) {
                throw new IllegalArgumentException(
                        "Option sentinelMaster is required with option sentinels "
                                + sentinels
                                + " but not set; allowed: what they call the master (SENTINEL"
                                + " MASTERS tells)");
            }
            return;
        }
        for (String option :
                List.of("sentinelMaster", "sentinelUser", "sentinelPassword", "sentinelTls")) {
            if (builder.given.contains(option)) {
                throw new IllegalArgumentException(
                        "Option "
                                + option
                                + " is set but option sentinels is not; allowed: both or neither");
            }
        }
    }

    private static void refuse(boolean both, String option, Object value, String other) {
        if (both) {
            throw OptionChecks.invalid(option, value + " and " + other, "one of the two");
        }
    }

    HostAndPort first() {
        return seeds.get(0);
    }

    /**
     * Returns the deployment as the engine reads it: an object of one field, whose name is its
     * kind.
     */
    ObjectNode toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (!unixSocket.isEmpty()) {
            json.putObject("unix").put("path", unixSocket).put("database", database);
        } else if (cluster) {
            ObjectNode nodes = json.putObject("cluster");
            addTo(nodes.putArray("seeds"), seeds);
            addressMap.forEach(nodes.putObject("addressMap")::put);
        } else if (!sentinels.isEmpty()) {
            ObjectNode sentinel = json.putObject("sentinel").put("master", sentinelMaster);
            addTo(sentinel.putArray("sentinels"), sentinels);
            sentinel.put("user", sentinelUser)
                    .put("password", sentinelPassword)
                    .put("tls", sentinelTls)
                    .put("database", database);
            addressMap.forEach(sentinel.putObject("addressMap")::put);
        } else {
            json.set("single", first().toJson().put("database", database));
        }
        return json;
    }

    private static void addTo(ArrayNode json, List<HostAndPort> servers) {
        servers.forEach(server -> json.add(server.toJson()));
    }

    /**
     * Returns the servers as a URI.
     *
     * @param user with an at sign behind it, or empty
     */
    String toUri(String user, boolean tls) {
        if (!unixSocket.isEmpty()) {
            String parameter = database == 0 ? "" : "?database=" + database;
            return "redis-socket://" + user + unixSocket + parameter;
        }
        String scheme = tls ? "rediss" : "redis";
        String path = database == 0 ? "" : "/" + database;
        if (!sentinels.isEmpty()) {
            return scheme + "-sentinel://" + user + joined(sentinels) + path + "#" + sentinelMaster;
        }
        return scheme + "://" + user + joined(seeds) + path;
    }

    private static String joined(List<HostAndPort> servers) {
        return servers.stream().map(HostAndPort::toString).collect(Collectors.joining(","));
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof ServerOptions)) {
            return false;
        }
        ServerOptions that = (ServerOptions) other;
        return seeds.equals(that.seeds)
                && cluster == that.cluster
                && sentinels.equals(that.sentinels)
                && sentinelMaster.equals(that.sentinelMaster)
                && sentinelUser.equals(that.sentinelUser)
                && sentinelPassword.equals(that.sentinelPassword)
                && sentinelTls == that.sentinelTls
                && unixSocket.equals(that.unixSocket)
                && database == that.database
                && addressMap.equals(that.addressMap);
    }

    @Override
    public int hashCode() {
        return Objects.hash(seeds, sentinels, sentinelMaster, unixSocket, database);
    }

    @Override
    public String toString() {
        return toUri("", false);
    }
}
