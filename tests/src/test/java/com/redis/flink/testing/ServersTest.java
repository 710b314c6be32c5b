package com.redis.flink.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisConnectionException;

import java.util.List;

/** The servers of the tests are what they say that they are. */
class ServersTest {

    @Test
    void tlsIsRequired() {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, Security.MTLS, List.of())) {
            try (Jedis jedis = node.jedis()) {
                assertThat(jedis.ping()).isEqualTo("PONG");
            }
            try (Jedis plain = new Jedis(RedisNode.LOCAL, node.port())) {
                assertThatThrownBy(plain::ping).isInstanceOf(JedisConnectionException.class);
            }
        }
    }

    @Test
    void aClusterMovesSlotsAndFailsOver() {
        try (RedisCluster cluster = RedisCluster.start(Binary.REDIS_7, Security.MTLS, 3, 1);
                UnifiedJedis client = cluster.client()) {
            client.set("k", "v");
            RedisNode owner = cluster.ownerOf("k");
            RedisNode other = cluster.otherMasters(owner).get(0);
            cluster.migrate(RedisCluster.slot("k"), other);
            assertThat(cluster.ownerOf("k")).isSameAs(other);
            assertThat(client.get("k")).isEqualTo("v");
            RedisNode promoted = cluster.killAndPromote(other);
            assertThat(cluster.ownerOf("k")).isSameAs(promoted);
            assertThat(client.get("k")).isEqualTo("v");
        }
    }

    @Test
    void sentinelsFailOver() {
        try (RedisSentinel sentinel = RedisSentinel.start(Security.PLAIN, 1, "sentinel-pw")) {
            RedisNode master = sentinel.master();
            assertThat(sentinel.killMaster()).isNotSameAs(master);
        }
    }
}
