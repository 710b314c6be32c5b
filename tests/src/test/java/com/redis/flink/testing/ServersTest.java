package com.redis.flink.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol.Command;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisAskDataException;
import redis.clients.jedis.exceptions.JedisConnectionException;
import redis.clients.jedis.exceptions.JedisMovedDataException;

import java.util.List;
import java.util.function.Supplier;

/** The servers of the tests are what they say that they are. */
@EnabledIfSystemProperty(named = "flink.version", matches = "1\\..*") // once is enough
class ServersTest {

    @ParameterizedTest
    @CsvSource({
        "REDIS_7, redis_version:([7-9]|[1-9][0-9]).",
        "REDIS_8, redis_version:8.",
        "VALKEY_9, valkey_version:9."
    })
    void eachBinaryIsWhatItsNameSays(Binary binary, String version) {
        try (RedisNode node = RedisNode.start(binary, Security.PLAIN, List.of());
                Jedis jedis = node.jedis()) {
            assertThat(jedis.info("server")).containsPattern(version.replace(".", "\\."));
        }
    }

    @Test
    void tlsIsRequired() {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, Security.TLS, List.of())) {
            assertThat(ping(node.jedisAs(""))).isEqualTo("PONG");
            assertRefused(() -> new Jedis(RedisNode.LOCAL, node.port()));
        }
    }

    @Test
    void mtlsAsksForTheClientsCertificate() {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, Security.MTLS, List.of())) {
            assertThat(ping(node.jedis())).isEqualTo("PONG");
            assertRefused(() -> node.jedisAs(""));
            assertRefused(() -> node.jedisAs(Certificates.EXPIRED));
            assertRefused(() -> node.jedisAs(Certificates.STRANGER));
            assertRefused(() -> new Jedis(RedisNode.LOCAL, node.port()));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {Certificates.EXPIRED, Certificates.ELSEWHERE, Certificates.STRANGER})
    void aClientThatChecksRefusesThoseCertificates(String identity) {
        try (RedisNode node = RedisNode.start(Binary.REDIS_7, Security.TLS, List.of())) {
            node.show(identity);
            assertRefused(node::jedis);
        }
    }

    /** Longer than Jedis does by itself. */
    @Test
    void clientsWaitForAServerThatIsBusy() {
        try (RedisServer server = RedisServer.start();
                RedisCluster cluster = RedisCluster.start(Binary.REDIS_7, Security.PLAIN, 3, 0);
                Jedis ofServer = server.jedis();
                UnifiedJedis client = server.client();
                Jedis ofNode = cluster.ownerOf("nothing").jedis();
                UnifiedJedis clusterClient = cluster.client(1)) {
            String[] nothingForSeconds = {"nothing", "3"};
            assertThat(ofServer.sendCommand(Command.BLPOP, nothingForSeconds)).isNull();
            assertThat(client.sendCommand(Command.BLPOP, nothingForSeconds)).isNull();
            assertThat(ofNode.sendCommand(Command.BLPOP, nothingForSeconds)).isNull();
            assertThat(clusterClient.sendCommand("nothing", Command.BLPOP, nothingForSeconds))
                    .isNull();
        }
    }

    @Test
    void aClusterMovesASlotStepByStep() {
        try (RedisCluster cluster = RedisCluster.start(Binary.REDIS_7, Security.MTLS, 3, 0);
                UnifiedJedis client = cluster.client()) {
            cluster.setUser("app", "on", ">secret", "~*", "+@all");
            client.set("k", "v");
            int slot = RedisCluster.slot("k");
            RedisNode from = cluster.ownerOf("k");
            RedisNode to = cluster.otherMasters(from).get(0);
            cluster.beginMigration(slot, from, to);
            assertThat(get(from, "k")).isEqualTo("v");
            cluster.moveKeys(slot, from, to);
            assertThatThrownBy(() -> get(from, "k")).isInstanceOf(JedisAskDataException.class);
            cluster.endMigration(slot, from, to);
            assertThatThrownBy(() -> get(from, "k")).isInstanceOf(JedisMovedDataException.class);
            assertThat(cluster.ownerOf("k")).isSameAs(to);
            assertThat(client.get("k")).isEqualTo("v");
        }
    }

    @ParameterizedTest
    @CsvSource({"REDIS_7, MTLS", "REDIS_8, PLAIN", "VALKEY_9, PLAIN"})
    void aClusterFailsOverAndGrows(Binary binary, Security security) {
        try (RedisCluster cluster = RedisCluster.start(binary, security, 3, 1);
                UnifiedJedis client = cluster.client()) {
            client.set("k", "v");
            RedisNode promoted = cluster.handOver(cluster.ownerOf("k"));
            assertThat(cluster.ownerOf("k")).isSameAs(promoted);
            assertThat(client.get("k")).isEqualTo("v");

            RedisNode replica = cluster.replicaOf(promoted);
            promoted.awaitReplicas(1);
            replica.stopReplicating();
            client.set("k", "lost");
            assertThat(cluster.killAndPromote(promoted)).isSameAs(replica);
            assertThat(client.get("k")).isEqualTo("v");

            RedisNode added = cluster.add();
            cluster.migrate(RedisCluster.slot("k"), added);
            assertThat(cluster.ownerOf("k")).isSameAs(added);
            assertThat(client.get("k")).isEqualTo("v");
            cluster.migrate(RedisCluster.slot("k"), replica);
            cluster.remove(added);
            assertThat(client.get("k")).isEqualTo("v");
        }
    }

    @Test
    void behindANatOnlyTheMapKnowsTheWay() {
        try (RedisCluster cluster = RedisCluster.startBehindNat(Binary.REDIS_7, Security.PLAIN, 3);
                UnifiedJedis client = cluster.client()) {
            client.set("k", "v");
            RedisNode owner = cluster.ownerOf("k");
            RedisNode other = cluster.otherMasters(owner).get(0);
            assertThatThrownBy(() -> get(other, "k"))
                    .isInstanceOfSatisfying(
                            JedisMovedDataException.class,
                            moved -> {
                                HostAndPort told = moved.getTargetNode();
                                assertRefused(() -> new Jedis(told));
                                assertThat(cluster.addressMap())
                                        .containsEntry(told.toString(), owner.address());
                            });
        }
    }

    @ParameterizedTest
    @CsvSource({"PLAIN, ''", "MTLS, sentinel-pw"})
    void sentinelsFailOver(Security security, String password) {
        try (RedisSentinel sentinel = RedisSentinel.start(security, 2, password)) {
            RedisNode first = sentinel.master();
            RedisNode second = sentinel.failOver();
            assertThat(second).isNotSameAs(first);
            assertThat(sentinel.killMaster()).isNotSameAs(second);
        }
    }

    private static String get(RedisNode node, String key) {
        try (Jedis jedis = node.jedis()) {
            return jedis.get(key);
        }
    }

    private static String ping(Jedis jedis) {
        try (jedis) {
            return jedis.ping();
        }
    }

    private static void assertRefused(Supplier<Jedis> client) {
        assertThatThrownBy(() -> ping(client.get())).isInstanceOf(JedisConnectionException.class);
    }
}
