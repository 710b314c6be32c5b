package com.redis.flink.testing;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.MigrateParams;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;

/** What single nodes of a Redis cluster are asked and told, mostly by {@code CLUSTER}. */
final class ClusterCommands {

    private ClusterCommands() {}

    static String id(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.clusterMyId();
        }
    }

    /** Returns what a node knows of the cluster and of the other nodes. */
    static String view(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.clusterInfo() + jedis.clusterNodes();
        }
    }

    static boolean isMaster(RedisNode node) {
        try (Jedis jedis = node.jedis()) {
            return jedis.info("replication").contains("role:master");
        }
    }

    /** Whether a node says that it is the master of a slot. */
    static boolean claims(RedisNode node, int slot) {
        String id = id(node);
        try (Jedis jedis = node.jedis()) {
            for (Object range : jedis.clusterSlots()) {
                List<?> parts = (List<?>) range;
                if ((Long) parts.get(0) <= slot
                        && slot <= (Long) parts.get(1)
                        && id.equals(text(((List<?>) parts.get(2)).get(2)))) {
                    return true;
                }
            }
        }
        return false;
    }

    static void meet(Jedis jedis, RedisNode other, int busPort) {
        String port = Integer.toString(other.port());
        cluster(jedis, "MEET", RedisNode.LOCAL, port, Integer.toString(busPort));
    }

    /** Makes a node a replica of a master. */
    static void replicate(RedisNode node, RedisNode master) {
        String id = id(master);
        try (Jedis jedis = node.jedis()) {
            jedis.clusterReplicate(id);
        }
    }

    static void beginMigration(int slot, RedisNode from, RedisNode to) {
        try (Jedis source = from.jedis();
                Jedis target = to.jedis()) {
            target.clusterSetSlotImporting(slot, id(from));
            source.clusterSetSlotMigrating(slot, id(to));
        }
    }

    static void moveKeys(int slot, RedisNode from, RedisNode to, Duration limit) {
        try (Jedis source = from.jedis()) {
            for (List<String> keys = source.clusterGetKeysInSlot(slot, 1);
                    !keys.isEmpty();
                    keys = source.clusterGetKeysInSlot(slot, 1)) {
                source.migrate(
                        RedisNode.LOCAL,
                        to.port(),
                        (int) limit.toMillis(),
                        new MigrateParams(),
                        keys.get(0));
            }
        }
    }

    /** Tells nodes, in their order, who owns a slot. */
    static void setOwner(int slot, RedisNode owner, List<RedisNode> told) {
        String id = id(owner);
        for (RedisNode node : told) {
            try (Jedis jedis = node.jedis()) {
                jedis.clusterSetSlotNode(slot, id);
            }
        }
    }

    /**
     * Has a node forget another one. Since Redis 7.2 nodes tell each other what to forget: this one
     * may have done it already.
     */
    static void forget(RedisNode node, String id) {
        try (Jedis jedis = node.jedis()) {
            jedis.clusterForget(id);
        } catch (JedisDataException e) {
            if (!e.getMessage().startsWith("ERR Unknown node")) {
                throw e;
            }
        }
    }

    static void cluster(Jedis jedis, String... arguments) {
        jedis.sendCommand(Protocol.Command.CLUSTER, arguments);
    }

    private static String text(Object reply) {
        return new String((byte[]) reply, StandardCharsets.US_ASCII);
    }
}
