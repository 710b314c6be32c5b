package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;

import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisCluster;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.util.JedisClusterCRC16;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A Redis cluster of the test's own: masters with a share of the slots each, and replicas. */
public final class RedisCluster implements Deployment {

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int SLOTS = 16384;

    private final Binary binary;
    private final Security security;
    private final List<String> arguments;

    /** Whether the nodes tell clients ports that nobody listens at. */
    private final boolean behindNat;

    /** Masters first, as the cluster began; then what was added. What was killed stays. */
    private final List<RedisNode> nodes = new ArrayList<>();

    private final Map<RedisNode, Integer> busPorts = new HashMap<>();

    /** As the nodes tell it to clients, and where it is. */
    private final Map<String, String> addressMap = new HashMap<>();

    private RedisCluster(
            Binary binary, Security security, boolean behindNat, List<String> arguments) {
        this.binary = binary;
        this.security = security;
        this.behindNat = behindNat;
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
        return new RedisCluster(binary, security, false, List.of(arguments))
                .create(masters, replicas);
    }

    /**
     * Starts masters that clients reach only by the {@link #addressMap}, as behind a network
     * address translation: the nodes tell ports that nobody listens at.
     */
    public static RedisCluster startBehindNat(Binary binary, Security security, int masters) {
        // A replica could not reach its master either.
        return new RedisCluster(binary, security, true, List.of()).create(masters, 0);
    }

    private RedisCluster create(int masters, int replicas) {
        try {
            form(masters, replicas);
            return this;
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void form(int masters, int replicas) {
        for (int i = 0; i < masters * (1 + replicas); i++) {
            spawn();
        }
        for (int i = 0; i < nodes.size(); i++) {
            try (Jedis jedis = nodes.get(i).jedis()) {
                ClusterCommands.cluster(jedis, "SET-CONFIG-EPOCH", Integer.toString(i + 1));
                if (i < masters) {
                    String first = Integer.toString(i * SLOTS / masters);
                    String last = Integer.toString((i + 1) * SLOTS / masters - 1);
                    ClusterCommands.cluster(jedis, "ADDSLOTSRANGE", first, last);
                }
                if (i > 0) {
                    meet(jedis);
                }
            }
        }
        awaitOk();
        for (int i = masters; i < nodes.size(); i++) {
            ClusterCommands.replicate(nodes.get(i), nodes.get(i % masters));
        }
        for (int i = 0; i < masters; i++) {
            nodes.get(i).awaitReplicas(replicas);
        }
    }

    private RedisNode spawn() {
        int bus = Ports.free();
        List<String> all = new ArrayList<>(arguments);
        all.addAll(List.of("--cluster-enabled", "yes", "--cluster-node-timeout", "2000"));
        all.addAll(List.of("--cluster-port", Integer.toString(bus)));
        all.addAll(List.of("--repl-diskless-sync-delay", "0"));
        // A master stays one when its last slot goes, however late it hears of that.
        all.addAll(List.of("--cluster-allow-replica-migration", "no"));
        if (security != Security.PLAIN) {
            all.addAll(List.of("--tls-cluster", "yes"));
        }
        int announced = behindNat ? Ports.free() : 0;
        if (behindNat) {
            String option = security == Security.PLAIN ? "port" : "tls-port";
            all.addAll(List.of("--cluster-announce-" + option, Integer.toString(announced)));
        }
        RedisNode node = RedisNode.start(binary, security, all);
        nodes.add(node);
        busPorts.put(node, bus);
        if (behindNat) {
            addressMap.put(RedisNode.LOCAL + ":" + announced, node.address());
        }
        return node;
    }

    /** Has the node of this connection meet the first one that lives. */
    private void meet(Jedis jedis) {
        RedisNode other = firstAlive();
        ClusterCommands.meet(jedis, other, busPorts.get(other));
    }

    private RedisNode firstAlive() {
        return nodes.stream().filter(RedisNode::isAlive).findFirst().orElseThrow();
    }

    /** Waits until every node that lives knows the others and every slot has its master. */
    public void awaitOk() {
        List<RedisNode> alive =
                nodes.stream().filter(RedisNode::isAlive).collect(Collectors.toList());
        List<String> ids = alive.stream().map(ClusterCommands::id).collect(Collectors.toList());
        for (RedisNode node : alive) {
            Await.value(
                    "the cluster is whole for " + node.address(),
                    LIMIT,
                    () -> ClusterCommands.view(node),
                    view ->
                            view.contains("cluster_state:ok")
                                    && view.contains("cluster_known_nodes:" + nodes.size() + "\r")
                                    // One that is met is counted before its ID is known.
                                    && !view.contains("handshake")
                                    && ids.stream().allMatch(view::contains));
        }
    }

    public List<RedisNode> nodes() {
        return List.copyOf(nodes);
    }

    /** A node to begin with. */
    public RedisNode seed() {
        return nodes.get(0);
    }

    /** By the first node and the second one. */
    @Override
    public <B extends ConnectionConfigBuilder<B>> B connect(B config) {
        config.useClusterApi(true).clusterNodes(seed().address(), nodes.get(1).address());
        if (behindNat) {
            config.addressMap(addressMap());
        }
        return security.connect(config);
    }

    @Override
    public UnifiedJedis client() {
        return client(20);
    }

    /** The same, which tries a command no more often than that. */
    public UnifiedJedis client(int attempts) {
        Set<HostAndPort> seeds =
                nodes.stream()
                        .filter(RedisNode::isAlive)
                        .map(node -> new HostAndPort(RedisNode.LOCAL, node.port()))
                        .collect(Collectors.toCollection(HashSet::new));
        DefaultJedisClientConfig.Builder client = security.client();
        client.hostAndPortMapper(
                told ->
                        HostAndPort.from(
                                addressMap.getOrDefault(told.toString(), told.toString())));
        return new JedisCluster(seeds, client.build(), attempts, LIMIT);
    }

    /** Of a cluster behind a network address translation: what is told, and where it is. */
    public Map<String, String> addressMap() {
        return Map.copyOf(addressMap);
    }

    /** Makes a user on every node, or changes it: as in {@code ACL SETUSER}. */
    public void setUser(String name, String... rules) {
        nodes.forEach(node -> node.setUser(name, rules));
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
        return nodes.stream()
                .filter(node -> node.isAlive() && ClusterCommands.claims(node, slot))
                .findFirst()
                .orElse(null);
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
                .filter(node -> node.isAlive() && node != master && ClusterCommands.isMaster(node))
                .collect(Collectors.toList());
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

    /**
     * Begins a migration: from now on the old owner sends clients for absent keys to the new one.
     */
    public void beginMigration(int slot, RedisNode from, RedisNode to) {
        ClusterCommands.beginMigration(slot, from, to);
    }

    /** Moves the keys of a slot one by one, while clients work. */
    public void moveKeys(int slot, RedisNode from, RedisNode to) {
        ClusterCommands.moveKeys(slot, from, to, LIMIT);
    }

    /** Ends a migration: tells every master of the new owner. */
    public void endMigration(int slot, RedisNode from, RedisNode to) {
        List<RedisNode> told = new ArrayList<>(List.of(to, from));
        // The new owner first: so there is one at any time.
        otherMasters(to).stream().filter(node -> node != from).forEach(told::add);
        ClusterCommands.setOwner(slot, to, told);
    }

    /** Hands a master's slots to its replica when that has all that the master has; it. */
    public RedisNode handOver(RedisNode master) {
        RedisNode replica = replicaOf(master);
        try (Jedis jedis = replica.jedis()) {
            Instant[] again = {Instant.now()};
            Await.until(
                    replica.address() + " takes over",
                    LIMIT,
                    () -> {
                        if (Instant.now().isAfter(again[0])) {
                            jedis.clusterFailover(); // gives up after five seconds
                            again[0] = Instant.now().plusSeconds(6);
                        }
                        return ClusterCommands.isMaster(replica)
                                && !ClusterCommands.isMaster(master);
                    });
        }
        awaitOk();
        return replica;
    }

    /** Kills a master; the replica that takes its place. */
    public RedisNode killAndPromote(RedisNode master) {
        RedisNode replica = replicaOf(master);
        master.kill();
        Await.until(
                replica.address() + " is promoted", LIMIT, () -> ClusterCommands.isMaster(replica));
        awaitOk();
        return replica;
    }

    /** A master without slots joins. */
    public RedisNode add() {
        RedisNode node = spawn();
        try (Jedis jedis = node.jedis()) {
            meet(jedis);
        }
        awaitOk();
        return node;
    }

    /** A replica of a master joins, and has all that the master has. */
    public RedisNode addReplica(RedisNode master) {
        RedisNode node = add();
        ClusterCommands.replicate(node, master);
        master.awaitReplicas(1);
        return node;
    }

    /** A node that has no slots goes. */
    public void remove(RedisNode node) {
        String id = ClusterCommands.id(node);
        node.close();
        nodes.remove(node);
        for (RedisNode other : nodes) {
            if (other.isAlive()) {
                ClusterCommands.forget(other, id);
            }
        }
        awaitOk();
    }

    @Override
    public void close() {
        nodes.forEach(RedisNode::close);
    }
}
