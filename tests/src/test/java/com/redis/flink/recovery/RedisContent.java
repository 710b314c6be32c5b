package com.redis.flink.recovery;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XPendingParams;
import redis.clients.jedis.resps.StreamGroupInfo;
import redis.clients.jedis.resps.StreamPendingEntry;
import redis.clients.jedis.util.SafeEncoder;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * All that a server holds, as the commands that make it so: one a line, each a JSON array of texts,
 * and of <code>{"bytes": "base64"}</code> where a word is no text in UTF-8. It knows streams with
 * their groups, sets and texts, and for each stream and group one consumer that has something
 * pending.
 */
final class RedisContent {

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String BYTES = "bytes";
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
            List<byte[]> words = new ArrayList<>();
            for (JsonNode word : JSON.readTree(line)) {
                words.add(
                        word.isTextual()
                                ? SafeEncoder.encode(word.textValue())
                                : word.required(BYTES).binaryValue());
            }
            byte[] command = words.remove(0);
            jedis.sendCommand(() -> command, words.toArray(new byte[0][]));
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
        List<StreamEntryID> entries = new ArrayList<>();
        for (Object found : (List<?>) jedis.sendCommand(Protocol.Command.XRANGE, key, "-", "+")) {
            List<?> entry = (List<?>) found;
            byte[] id = (byte[]) entry.get(0);
            entries.add(new StreamEntryID(id));
            List<Object> command = new ArrayList<>(List.of("XADD", key, word(id)));
            for (Object string : (List<?>) entry.get(1)) {
                command.add(word((byte[]) string));
            }
            add(command.toArray());
        }
        for (StreamGroupInfo group : jedis.xinfoGroups(key)) {
            group(key, group, entries);
        }
    }

    private void group(String key, StreamGroupInfo group, List<StreamEntryID> entries)
            throws IOException {
        String name = group.getName();
        add("XGROUP", "CREATE", key, name, "0");
        long delivered =
                entries.stream()
                        .filter(id -> id.compareTo(group.getLastDeliveredId()) <= 0)
                        .count();
        if (delivered == 0) {
            return;
        }
        List<StreamPendingEntry> pending =
                jedis.xpending(key, name, new XPendingParams().count(entries.size()));
        String consumer = pending.isEmpty() ? "done" : pending.get(0).getConsumerName();
        String count = Long.toString(delivered);
        add("XREADGROUP", "GROUP", name, consumer, "COUNT", count, "STREAMS", key, ">");
        for (StreamEntryID id : entries.subList(0, (int) delivered)) {
            if (pending.stream().noneMatch(p -> p.getID().equals(id))) {
                add("XACK", key, name, id.toString());
            }
        }
    }

    private void add(Object... command) throws IOException {
        lines.add(JSON.writeValueAsString(command));
    }

    /** A string as a word of a command: its text, or its bytes if it is none. */
    private static Object word(byte[] string) {
        try {
            return UTF_8.newDecoder().decode(ByteBuffer.wrap(string)).toString();
        } catch (CharacterCodingException e) {
            return Map.of(BYTES, string);
        }
    }
}
