package com.redis.flink.testing;

import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.args.ClusterFailoverOption;
import redis.clients.jedis.params.MigrateParams;
import redis.clients.jedis.util.JedisClusterCRC16;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A Redis cluster of the test's own: masters with a share of the slots each, and replicas. */
public final class RedisCluster implements AutoCloseable {

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int SLOTS = 16384;

    private final Binary binary;
    private final Security security;
    private final List<String> arguments;

    /** Masters first, as the cluster began; then what was added. */
    private final List<RedisNode> nodes = new ArrayList<>();

    private final List<Integer> busPorts = new ArrayList<>();

    private RedisCluster(Binary binary, Security security, List<String> arguments) {
        this.binary = binary;
        this.security = security;
        this.arguments = arguments;
    }

    /**
     * Starts one and waits until it works.
     *
     * @param replicas of each master
     * @param arguments further ones of each server
     */
    public static RedisCluster start(
            Binary binary, Security security, int masters, int replicas, String... arguments) {
        RedisCluster cluster = new RedisCluster(binary, security, List.of(arguments));
        try {
            cluster.create(masters, replicas);
            return cluster;
        } catch (RuntimeException | Error e) {
            cluster.close();
            throw e;
        }
    }

    private void create(int masters, int replicas) {
        for (int i = 0; i < masters * (1 + replicas); i++) {
            spawn();
        }
        for (int i = 0; i < nodes.size(); i++) {
            try (Jedis jedis = nodes.get(i).jedis()) {
                cluster(jedis, "SET-CONFIG-EPOCH", Integer.toString(i + 1));
                if (i < masters) {
                    String first = Integer.toString(i * SLOTS / masters);
                    String last = Integer.toString((i + 1) * SLOTS / masters - 1);
                    cluster(jedis, "ADDSLOTSRANGE", first, last);
                }
                if (i > 0) {
                    meet(jedis, 0);
                }
            }
        }
        awaitOk();
        for (int i = masters; i < nodes.size(); i++) {
            String master = id(nodes.get(i % masters));
            try (Jedis jedis = nodes.get(i).jedis()) {
                jedis.clusterReplicate(master);
            }
        }
        for (int i = 0; i < masters; i++) {
            awaitReplicas(nodes.get(i), replicas);
        }
    }

    private RedisNode spawn() {
        int bus = Ports.free();
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"));
        all.addAll(List.of("--cluster-port", Integer.toString(bus)));
        all.addAll(List.of("--repl-diskless-sync-delay", "0"));
        if (security != Security.PLAIN) {
            all.addAll(List.of("--tls-cluster", "yes"));
        }
        RedisNode node = RedisNode.start(binary, security, all);
        nodes.add(node);
        busPorts.add(bus);
        return node;
    }

    private void meet(Jedis jedis, int other) {
        String port = Integer.toString(nodes.get(other).port());
        cluster(jedis, "MEET", RedisNode.LOCAL, port, Integer.toString(busPorts.get(other)));
    }

    /** Waits until every node that lives knows the others and has its slots. */
    private void awaitOk() {
        long alive = nodes.stream().filter(RedisNode::isAlive).count();
        for (RedisNode node : nodes) {
            if (node.isAlive()) {
                Await.value(
                        "the cluster is whole",
                        LIMIT,
                        () -> info(node),
                        info ->
                                info.contains("cluster_state:ok")
                                        && info.contains("cluster_known_nodes:" + alive + "\r"));
            }
        }
    }

    private static String info(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.clusterInfo();
        }
    }

    private static void awaitReplicas(RedisNode master, int replicas) {
        Await.value(
                "the replicas of " + master.address(),
                LIMIT,
                () -> {
                    try (Jedis jedis = master.jedis()) {
                        return jedis.info("replication");
                    }
                },
                info -> info.split("state=online").length - 1 == replicas);
    }

    public List<RedisNode> nodes() {
        return List.copyOf(nodes);
    }

    /** A node to begin with. */
    public RedisNode seed() {
        return nodes.get(0);
    }

    /** A client of the test's own, which finds its way. */
    public UnifiedJedis client() {
        Set<HostAndPort> seeds =
                nodes.stream()
                        .filter(RedisNode::isAlive)
                        .map(node -> new HostAndPort(RedisNode.LOCAL, node.port()))
                        .collect(Collectors.toCollection(HashSet::new));
        return new JedisCluster(seeds, security.client().build(), 20, Duration.ofSeconds(30));
    }

    public static int slot(String key) {
        return JedisClusterCRC16.getSlot(key);
    }

    /** The master that has the key's slot, as it says itself. */
    public RedisNode ownerOf(String key) {
        return ownerOf(slot(key));
    }

    private RedisNode ownerOf(int slot) {
        return Await.value("a master of " + slot, LIMIT, () -> claimant(slot), it -> it != null);
    }

    private RedisNode claimant(int slot) {
        for (RedisNode node : nodes) {
            if (!node.isAlive()) {
                continue;
            }
            try (Jedis jedis = node.jedis()) {
                for (Object range : jedis.clusterSlots()) {
                    List<?> parts = (List<?>) range;
                    if ((Long) parts.get(0) <= slot
                            && slot <= (Long) parts.get(1)
                            && (Long) ((List<?>) parts.get(2)).get(1) == node.port()) {
                        return node;
                    }
                }
            }
        }
        return null;
    }

    /** A replica of a master. */
    public RedisNode replicaOf(RedisNode master) {
        for (RedisNode node : nodes) {
            if (node.isAlive() && node != master) {
                try (Jedis jedis = node.jedis()) {
                    String info = jedis.info("replication");
                    if (info.contains("role:slave")
                            && info.contains("master_port:" + master.port() + "\r")) {
                        return node;
                    }
                }
            }
        }
        throw new AssertionError(master.address() + " has no replica");
    }

    /** Masters other than this one. */
    public List<RedisNode> otherMasters(RedisNode master) {
        return nodes.stream()
                .filter(node -> node.isAlive() && node != master && isMaster(node))
                .collect(Collectors.toList());
    }

    private static boolean isMaster(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.info("replication").contains("role:master");
        }
    }

    /** Moves a slot with its keys while clients work, as {@code redis-cli --cluster reshard}. */
    public void migrate(int slot, RedisNode to) {
        RedisNode from = ownerOf(slot);
        if (from != to) {
            beginMigration(slot, from, to);
            moveKeys(slot, from, to);
            endMigration(slot, from, to);
        }
    }

    public void beginMigration(int slot, RedisNode from, RedisNode to) {
        try (Jedis source = from.jedis();
                Jedis target = to.jedis()) {
            target.clusterSetSlotImporting(slot, id(from));
            source.clusterSetSlotMigrating(slot, id(to));
        }
    }

    /** Key by key. */
    public void moveKeys(int slot, RedisNode from, RedisNode to) {
        try (Jedis source = from.jedis()) {
            for (List<String> keys = source.clusterGetKeysInSlot(slot, 1);
                    !keys.isEmpty();
                    keys = source.clusterGetKeysInSlot(slot, 1)) {
                source.migrate(
                        RedisNode.LOCAL,
                        to.port(),
                        (int) LIMIT.toMillis(),
                        new MigrateParams(),
                        keys.get(0));
            }
        }
    }

    public void endMigration(int slot, RedisNode from, RedisNode to) {
        String id = id(to);
        try (Jedis target = to.jedis();
                Jedis source = from.jedis()) {
            // The new owner first: so there is one at any time.
            target.clusterSetSlotNode(slot, id);
            source.clusterSetSlotNode(slot, id);
        }
        for (RedisNode other : otherMasters(to)) {
            if (other != from) {
                try (Jedis jedis = other.jedis()) {
                    jedis.clusterSetSlotNode(slot, id);
                }
            }
        }
    }

    /** Hands a master's slots to its replica, which has all that the master has; it. */
    public RedisNode handOver(RedisNode master) {
        RedisNode replica = replicaOf(master);
        try (Jedis jedis = replica.jedis()) {
            jedis.clusterFailover(ClusterFailoverOption.valueOf("FORCE"));
        }
        awaitMaster(replica);
        return replica;
    }

    /** Kills a master; the replica that takes its place. */
    public RedisNode killAndPromote(RedisNode master) {
        RedisNode replica = replicaOf(master);
        master.kill();
        awaitMaster(replica);
        return replica;
    }

    private static void awaitMaster(RedisNode node) {
        Await.until(node.address() + " is a master", LIMIT, () -> isMaster(node));
    }

    /** A master without slots joins. */
    public RedisNode add() {
        RedisNode node = spawn();
        try (Jedis jedis = node.jedis()) {
            meet(jedis, 0);
        }
        awaitOk();
        return node;
    }

    /** A node that has no slots goes. */
    public void remove(RedisNode node) {
        String id = id(node);
        node.kill();
        for (RedisNode other : nodes) {
            if (other.isAlive()) {
                try (Jedis jedis = other.jedis()) {
                    jedis.clusterForget(id);
                }
            }
        }
    }

    private static String id(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.clusterMyId();
        }
    }

    private static void cluster(Jedis jedis, String... arguments) {
        jedis.sendCommand(Protocol.Command.CLUSTER, arguments);
    }

    @Override
    public void close() {
        nodes.forEach(RedisNode::close);
    }
}
