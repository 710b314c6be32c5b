package com.redis.flink.bench.jobs;

import com.redis.flink.RedisMessage;
import com.redis.flink.bench.lab.Server;
import com.redis.flink.bench.lab.Topic;
import com.redis.flink.bench.reference.JedisSink;
import com.redis.flink.sink.RedisHashSinkBuilder;
import com.redis.flink.sink.RedisHashSinkConfig;
import com.redis.flink.sink.RedisJsonSinkBuilder;
import com.redis.flink.sink.RedisJsonSinkConfig;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;

import org.apache.flink.api.connector.sink2.Sink;

import redis.clients.jedis.CommandArguments;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.json.JsonProtocol.JsonCommand;
import redis.clients.jedis.params.XAddParams;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The ways in which record number so-and-so is written, by each of the contenders. */
public enum WriteCommand {
    XADD("XADD", false),
    HSET("HSET", false),
    HSET_EXPIRE("HSET+EXPIRE", true),
    JSON_SET("JSON.SET", false),
    JSON_SET_EXPIRE("JSON.SET+EXPIRE", true);

    /** What {@link #XADD} writes to. */
    public static final String TOPIC = "out";

    public static final int PARTITIONS = 4;

    private static final int TTL_SECONDS = 3600;
    private static final String DATA = "x".repeat(100);
    private static final String DOCUMENT = "{\"data\":\"" + DATA + "\"}";

    private final String title;
    private final boolean expires;

    WriteCommand(String title, boolean expires) {
        this.title = title;
        this.expires = expires;
    }

    public String title() {
        return title;
    }

    public boolean needsJson() {
        return this == JSON_SET || this == JSON_SET_EXPIRE;
    }

    /** Returns how many commands there are for a record. */
    public int commands() {
        return expires ? 2 : 1;
    }

    /** Returns the key of a record, 16 bytes, of its own. */
    static String key(long number) {
        char[] key = {
            'k', 'e', 'y', '-', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'
        };
        long left = number;
        for (int at = key.length - 1; left > 0; at--) {
            key[at] = (char) ('0' + left % 10);
            left /= 10;
        }
        return new String(key);
    }

    /** Returns the parts of each command for a record. */
    public List<String[]> parts(long number) {
        String key = key(number);
        List<String[]> parts = new ArrayList<>();
        if (this == XADD) {
            String stream = stream(number);
            parts.add(new String[] {"XADD", stream, "*", "key", key, "data", DATA});
        } else if (needsJson()) {
            parts.add(new String[] {"JSON.SET", key, "$", DOCUMENT});
        } else {
            parts.add(new String[] {"HSET", key, "data", DATA});
        }
        if (expires) {
            parts.add(new String[] {"EXPIRE", key, Integer.toString(TTL_SECONDS)});
        }
        return parts;
    }

    private static String stream(long number) {
        return TOPIC + ":" + number % PARTITIONS;
    }

    /** Returns our sink for the numbers of records. */
    Sink<Long> ours(Server server) {
        int ttl = expires ? TTL_SECONDS : 0;
        if (this == XADD) {
            RedisSinkConfig config =
                    RedisSinkConfig.builder()
                            .host(Server.HOST)
                            .port(server.port())
                            .topicName(TOPIC)
                            .numPartitions(PARTITIONS)
                            .build();
            return new RedisSinkBuilder<Long>(
                            number -> RedisMessage.of(key(number), Map.of("data", DATA)), config)
                    .build();
        }
        if (needsJson()) {
            RedisJsonSinkConfig config =
                    RedisJsonSinkConfig.builder()
                            .host(Server.HOST)
                            .port(server.port())
                            .ttlSeconds(ttl)
                            .build();
            return new RedisJsonSinkBuilder<Long>(number -> DOCUMENT, config)
                    .keyExtractor(WriteCommand::key)
                    .build();
        }
        RedisHashSinkConfig config =
                RedisHashSinkConfig.builder()
                        .host(Server.HOST)
                        .port(server.port())
                        .ttlSeconds(ttl)
                        .build();
        return new RedisHashSinkBuilder<Long>(number -> Map.of("data", DATA), config)
                .keyExtractor(WriteCommand::key)
                .build();
    }

    /** Returns the reference's sink for the numbers of records. */
    Sink<Long> reference(Server server) {
        return new JedisSink<>(Server.HOST, server.port(), Reference.BATCH, this::add);
    }

    private void add(Long number, Pipeline pipeline) {
        String key = key(number);
        if (this == XADD) {
            Map<String, String> fields = Map.of("key", key, "data", DATA);
            pipeline.xadd(stream(number), XAddParams.xAddParams(), fields);
        } else if (needsJson()) {
            pipeline.sendCommand(
                    new CommandArguments(JsonCommand.SET).key(key).add("$").add(DOCUMENT));
        } else {
            pipeline.hset(key, Map.of("data", DATA));
        }
        if (expires) {
            pipeline.expire(key, TTL_SECONDS);
        }
    }

    /** Returns how many records the server has. */
    public long written(Server server) {
        if (this == XADD) {
            return new Topic(server, TOPIC, PARTITIONS).length();
        }
        if (!expires) {
            return server.control().dbSize();
        }
        return server.expiringKeys();
    }

    /**
     * Requires that the server has so many.
     *
     * @throws IllegalStateException it has another number
     */
    public void verify(Server server, int records) {
        long written = written(server);
        if (written != records) {
            throw new IllegalStateException("written " + written + " of " + records);
        }
    }
}
