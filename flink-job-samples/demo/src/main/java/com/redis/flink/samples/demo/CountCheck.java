package com.redis.flink.samples.demo;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.params.XReadParams;
import redis.clients.jedis.resps.StreamEntry;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;

/** Reads the whole output and compares it, message by message, with what was produced. */
final class CountCheck {

    private static final int PAGE = 5000;

    private final int messages;
    private final BitSet[] seen = new BitSet[Producer.KEYS];
    private final int[] last = new int[Producer.KEYS];
    private long out;
    private long duplicated;
    private long misordered;
    private long pending;

    private CountCheck(int messages) {
        this.messages = messages;
        Arrays.setAll(seen, key -> new BitSet());
        Arrays.fill(last, -1);
    }

    static CountCheck of(Jedis jedis, String output, int partitions, int messages, long pending) {
        CountCheck check = new CountCheck(messages);
        check.pending = pending;
        for (int partition = 0; partition < partitions; partition++) {
            check.read(jedis, output + ":" + partition);
        }
        return check;
    }

    boolean good() {
        return lost() == 0 && duplicated == 0 && misordered == 0 && pending == 0;
    }

    String table() {
        return row("messages in", messages)
                + row("messages out", out)
                + row("lost", lost())
                + row("duplicated", duplicated)
                + row("out of order per key", misordered)
                + row("pending after the last checkpoint", pending);
    }

    private long lost() {
        long distinct = Arrays.stream(seen).mapToLong(BitSet::cardinality).sum();
        return messages - distinct;
    }

    private static String row(String name, long value) {
        return String.format("  %-34s %,12d%n", name, value);
    }

    private void read(Jedis jedis, String stream) {
        StreamEntryID after = new StreamEntryID(0, 0);
        while (true) {
            List<Map.Entry<String, List<StreamEntry>>> reply =
                    jedis.xread(XReadParams.xReadParams().count(PAGE), Map.of(stream, after));
            if (reply == null || reply.isEmpty()) {
                return;
            }
            for (StreamEntry entry : reply.get(0).getValue()) {
                add(entry.getFields());
                after = entry.getID();
            }
        }
    }

    private void add(Map<String, String> fields) {
        int key = Integer.parseInt(fields.get("key").substring("key-".length()));
        int number = Integer.parseInt(fields.get("data"));
        out++;
        if (seen[key].get(number)) {
            duplicated++;
        } else if (number < last[key]) {
            misordered++;
        }
        seen[key].set(number);
        last[key] = Math.max(last[key], number);
    }
}
