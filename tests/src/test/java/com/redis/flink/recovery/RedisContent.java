package com.redis.flink.recovery;

import com.fasterxml.jackson.databind.ObjectMapper;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XPendingParams;
import redis.clients.jedis.resps.StreamEntry;
import redis.clients.jedis.resps.StreamGroupInfo;
import redis.clients.jedis.resps.StreamPendingEntry;
import redis.clients.jedis.util.SafeEncoder;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * All that a server holds, as the commands that make it so: one a line, each a JSON array of texts.
 * It knows streams with their groups, sets and texts, and for each stream and group one consumer
 * that has something pending.
 */
final class RedisContent {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String DAYS_7 = "604800";

    private final Jedis jedis;
    private final List<String> lines = new ArrayList<>();

    private RedisContent(Jedis jedis) {
        this.jedis = jedis;
    }

    /** Writes what the server holds to a file. */
    static void save(Jedis jedis, Path file) throws IOException {
        RedisContent content = new RedisContent(jedis);
        for (String key : new TreeSet<>(jedis.keys("*"))) {
            content.key(key);
        }
        Files.write(file, content.lines);
    }

    /** Carries out the commands of a file. */
    static void load(Jedis jedis, Path file) throws IOException {
        for (String line : Files.readAllLines(file)) {
            String[] words = JSON.readValue(line, String[].class);
            String[] arguments = new String[words.length - 1];
            System.arraycopy(words, 1, arguments, 0, arguments.length);
            jedis.sendCommand(() -> SafeEncoder.encode(words[0]), arguments);
        }
    }

    private void key(String key) throws IOException {
        String type = jedis.type(key);
        switch (type) {
            case "stream":
                stream(key);
                break;
            case "set":
                for (String member : new TreeSet<>(jedis.smembers(key))) {
                    add("SADD", key, member);
                }
                break;
            case "string":
                add("SET", key, jedis.get(key));
                break;
            default:
                throw new IOException("cannot save " + key + ", which is a " + type);
        }
        if (jedis.ttl(key) > 0) {
            add("EXPIRE", key, DAYS_7);
        }
    }

    private void stream(String key) throws IOException {
        List<StreamEntry> entries = jedis.xrange(key, (StreamEntryID) null, null);
        for (StreamEntry entry : entries) {
            List<String> command = new ArrayList<>(List.of("XADD", key, entry.getID().toString()));
            for (Map.Entry<String, String> field : entry.getFields().entrySet()) {
                command.add(field.getKey());
                command.add(field.getValue());
            }
            add(command.toArray(new String[0]));
        }
        for (StreamGroupInfo group : jedis.xinfoGroups(key)) {
            group(key, group, entries);
        }
    }

    private void group(String key, StreamGroupInfo group, List<StreamEntry> entries)
            throws IOException {
        String name = group.getName();
        add("XGROUP", "CREATE", key, name, "0");
        long delivered =
                entries.stream()
                        .filter(e -> e.getID().compareTo(group.getLastDeliveredId()) <= 0)
                        .count();
        if (delivered == 0) {
            return;
        }
        List<StreamPendingEntry> pending =
                jedis.xpending(key, name, new XPendingParams().count(entries.size()));
        String consumer = pending.isEmpty() ? "done" : pending.get(0).getConsumerName();
        String count = Long.toString(delivered);
        add("XREADGROUP", "GROUP", name, consumer, "COUNT", count, "STREAMS", key, ">");
        for (StreamEntry entry : entries.subList(0, (int) delivered)) {
            if (pending.stream().noneMatch(p -> p.getID().equals(entry.getID()))) {
                add("XACK", key, name, entry.getID().toString());
            }
        }
    }

    private void add(String... command) throws IOException {
        lines.add(JSON.writeValueAsString(command));
    }
}
