package com.redis.flink.deployments;

import com.redis.flink.testing.Binary;
import com.redis.flink.testing.Deployment;
import com.redis.flink.testing.RedisCluster;
import com.redis.flink.testing.RedisJson;
import com.redis.flink.testing.RedisNode;
import com.redis.flink.testing.RedisSentinel;
import com.redis.flink.testing.Security;

import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import java.util.List;

/**
 * The core jobs on every Redis that people run. With one line of Flink all of them, with the other
 * one those that differ most: what is between the connector and Redis is the same.
 */
final class DeploymentsIT {

    private static final String FLINK = "flink.version";
    private static final String ALL = "1\\..*";

    private DeploymentsIT() {}

    private static Deployment server(Binary binary, Security security) {
        return RedisNode.start(binary, security, List.of(RedisJson.arguments()));
    }

    private static Deployment cluster(Binary binary, Security security) {
        return RedisCluster.start(binary, security, 3, 0, RedisJson.arguments());
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Redis7 extends CoreJobs {
        Redis7() {
            super(() -> server(Binary.REDIS_7, Security.PLAIN));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Redis7Tls extends CoreJobs {
        Redis7Tls() {
            super(() -> server(Binary.REDIS_7, Security.TLS));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Redis7Mtls extends CoreJobs {
        Redis7Mtls() {
            super(() -> server(Binary.REDIS_7, Security.MTLS));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Redis7Cluster extends CoreJobs {
        Redis7Cluster() {
            super(() -> cluster(Binary.REDIS_7, Security.PLAIN));
        }
    }

    static final class Redis7ClusterMtls extends CoreJobs {
        Redis7ClusterMtls() {
            super(() -> cluster(Binary.REDIS_7, Security.MTLS));
        }
    }

    static final class Redis7Sentinel extends CoreJobs {
        Redis7Sentinel() {
            super(
                    () ->
                            RedisSentinel.start(
                                    Security.PLAIN, 1, "sentinel-pw", RedisJson.arguments()));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Redis8 extends CoreJobs {
        Redis8() {
            super(() -> server(Binary.REDIS_8, Security.PLAIN));
        }
    }

    static final class Redis8Cluster extends CoreJobs {
        Redis8Cluster() {
            super(() -> cluster(Binary.REDIS_8, Security.PLAIN));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Valkey9 extends CoreJobs {
        Valkey9() {
            super(() -> server(Binary.VALKEY_9, Security.PLAIN));
        }
    }

    @EnabledIfSystemProperty(named = FLINK, matches = ALL)
    static final class Valkey9Cluster extends CoreJobs {
        Valkey9Cluster() {
            super(() -> cluster(Binary.VALKEY_9, Security.PLAIN));
        }
    }
}
