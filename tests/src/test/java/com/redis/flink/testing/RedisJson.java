package com.redis.flink.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.json.JsonProtocol.JsonCommand;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Servers with RedisJSON, the real module. {@code ./dev test} gets it; the environment's {@code
 * FLINK_REDIS_TEST_REJSON} names another one.
 */
public final class RedisJson {

    private static final ObjectMapper JSON = new ObjectMapper();

    private RedisJson() {}

    /** The arguments of a server that make it have the module. */
    public static String[] arguments() {
        return new String[] {"--loadmodule", module()};
    }

    /** A server with the module, as {@link RedisServer#RedisServer(String...)} makes it. */
    public static RedisServer server() {
        return new RedisServer(arguments());
    }

    /** A server with the module that runs. */
    public static RedisServer start() {
        return RedisServer.start(arguments());
    }

    /** The document of a key, or null: there is none. */
    public static JsonNode get(Jedis jedis, String key) {
        return document((byte[]) jedis.sendCommand(JsonCommand.GET, key), key);
    }

    /** The same of whatever servers. */
    public static JsonNode get(UnifiedJedis client, String key) {
        return document((byte[]) client.sendCommand(key, JsonCommand.GET, key), key);
    }

    private static JsonNode document(byte[] document, String key) {
        try {
            return document == null
                    ? null
                    : JSON.readTree(new String(document, StandardCharsets.UTF_8));
        } catch (JsonProcessingException e) {
            throw new AssertionError("Redis holds no JSON at " + key, e);
        }
    }

    public static void set(Jedis jedis, String key, String document) {
        jedis.sendCommand(JsonCommand.SET, key, "$", document);
    }

    private static String module() {
        Path module = Path.of(System.getProperty("redis.json.module", ""));
        if (!Files.isExecutable(module)) {
            throw new AssertionError(
                    "RedisJSON's module is not at '"
                            + module
                            + "': `./dev test` gets it there; or set FLINK_REDIS_TEST_REJSON to an"
                            + " executable rejson.so of your own");
        }
        return module.toAbsolutePath().toString();
    }
}
