package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;

import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisSentineled;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.UnifiedJedis;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A master, its replicas, and three sentinels that watch it. */
public final class RedisSentinel implements Deployment {

    /** What the sentinels call the master. */
    public static final String MASTER = "mymaster";

    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int SENTINELS = 3;

    private final List<RedisNode> servers = new ArrayList<>();
    private final List<RedisNode> sentinels = new ArrayList<>();
    private final Security security;
    private final String password;

    private RedisSentinel(Security security, String password) {
        this.security = security;
        this.password = password;
    }

    /**
     * Starts them and waits until a failover is possible.
     *
     * @param password of the sentinels; empty: none
     * @param arguments further ones of the master and its replicas
     */
    public static RedisSentinel start(
            Security security, int replicas, String password, String... arguments) {
        RedisSentinel all = new RedisSentinel(security, password);
        try {
            all.create(replicas, List.of(arguments));
            return all;
        } catch (RuntimeException | Error e) {
            all.close();
            throw e;
        }
    }

    private void create(int replicas, List<String> further) {
        List<String> prompt = new ArrayList<>(List.of("--repl-diskless-sync-delay", "0"));
        prompt.addAll(further);
        RedisNode master = RedisNode.start(Binary.REDIS_7, security, prompt);
        servers.add(master);
        for (int i = 0; i < replicas; i++) {
            List<String> replica = new ArrayList<>(prompt);
            replica.addAll(List.of("--replicaof", RedisNode.LOCAL + " " + master.port()));
            servers.add(RedisNode.start(Binary.REDIS_7, security, replica));
        }
        List<String> arguments = new ArrayList<>(List.of("--sentinel"));
        if (!password.isEmpty()) {
            // Sentinels use it among themselves, too.
            arguments.addAll(List.of("--requirepass", password));
        }
        for (int i = 0; i < SENTINELS; i++) {
            RedisNode sentinel = RedisNode.start(Binary.REDIS_7, security, arguments);
            sentinels.add(sentinel);
            String port = Integer.toString(master.port());
            try (Jedis jedis = jedis(sentinel)) {
                sentinel(jedis, "MONITOR", MASTER, RedisNode.LOCAL, port, "2");
                sentinel(jedis, "SET", MASTER, "down-after-milliseconds", "1500");
                sentinel(jedis, "SET", MASTER, "failover-timeout", "5000");
            }
        }
        master.awaitReplicas(replicas);
        for (RedisNode sentinel : sentinels) {
            Await.value(
                    "the sentinels know one another and the replicas",
                    LIMIT,
                    () -> {
                        try (Jedis jedis = jedis(sentinel)) {
                            return jedis.sentinelMaster(MASTER);
                        }
                    },
                    master1 -> knows(master1, replicas));
        }
    }

    private static boolean knows(Map<String, String> master, int replicas) {
        return master.get("num-slaves").equals(Integer.toString(replicas))
                && master.get("num-other-sentinels").equals(Integer.toString(SENTINELS - 1));
    }

    @Override
    public <B extends ConnectionConfigBuilder<B>> B connect(B config) {
        return security.connect(
                config.sentinels(addresses().toArray(new String[0]))
                        .sentinelMaster(MASTER)
                        .sentinelPassword(password));
    }

    @Override
    public UnifiedJedis client() {
        DefaultJedisClientConfig.Builder ofSentinels = security.client();
        if (!password.isEmpty()) {
            ofSentinels.password(password);
        }
        Set<HostAndPort> all =
                addresses().stream().map(HostAndPort::from).collect(Collectors.toSet());
        return new JedisSentineled(MASTER, security.client().build(), all, ofSentinels.build());
    }

    /** As host:port. */
    public List<String> addresses() {
        return sentinels.stream().map(RedisNode::address).collect(Collectors.toList());
    }

    /** The master and its replicas. */
    public List<RedisNode> servers() {
        return List.copyOf(servers);
    }

    public List<RedisNode> sentinels() {
        return List.copyOf(sentinels);
    }

    /** Who is the master now, as the sentinels say. */
    public RedisNode master() {
        try (Jedis jedis = jedis(sentinels.get(0))) {
            int port = Integer.parseInt(jedis.sentinelGetMasterAddrByName(MASTER).get(1));
            return servers.stream().filter(node -> node.port() == port).findFirst().orElseThrow();
        }
    }

    /** The servers that are no master. */
    public List<RedisNode> replicas() {
        RedisNode master = master();
        return servers.stream().filter(node -> node != master).collect(Collectors.toList());
    }

    /** Waits until the master has so many replicas that have all that it has. */
    public void awaitReplicas(int replicas) {
        master().awaitReplicas(replicas);
    }

    /** Has the sentinels make a replica the master; it. */
    public RedisNode failOver() {
        RedisNode old = master();
        try (Jedis jedis = jedis(sentinels.get(0))) {
            jedis.sentinelFailover(MASTER);
        }
        return awaitOtherThan(old);
    }

    /** Kills the master; the one that takes its place. */
    public RedisNode killMaster() {
        RedisNode old = master();
        old.kill();
        return awaitOtherThan(old);
    }

    private RedisNode awaitOtherThan(RedisNode old) {
        return Await.value("another master", LIMIT, this::master, master -> master != old);
    }

    private Jedis jedis(RedisNode sentinel) {
        return password.isEmpty() ? sentinel.jedis() : sentinel.jedis("default", password);
    }

    private static void sentinel(Jedis jedis, String... arguments) {
        jedis.sendCommand(Protocol.Command.SENTINEL, arguments);
    }

    @Override
    public void close() {
        sentinels.forEach(RedisNode::close);
        servers.forEach(RedisNode::close);
    }
}
