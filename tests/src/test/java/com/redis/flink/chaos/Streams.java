package com.redis.flink.chaos;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** What Redis says about streams and their groups. */
final class Streams {

    private static final int CHUNK = 1000;

    private Streams() {}

    /** Entries that were delivered to a group and not acknowledged, in all partitions. */
    static long pending(Jedis jedis, String topic, int partitions, String group) {
        long pending = 0;
        for (int partition = 0; partition < partitions; partition++) {
            pending += jedis.xpending(topic + ":" + partition, group).getTotal();
        }
        return pending;
    }

    /** Entries behind a group's last delivered one, in all partitions. */
    static long lag(Jedis jedis, String topic, int partitions, String group) {
        long lag = 0;
        for (int partition = 0; partition < partitions; partition++) {
            String stream = topic + ":" + partition;
            StreamEntryID delivered =
                    jedis.xinfoGroups(stream).stream()
                            .filter(info -> info.getName().equals(group))
                            .findFirst()
                            .orElseThrow()
                            .getLastDeliveredId();
            StreamEntryID first =
                    new StreamEntryID(delivered.getTime(), delivered.getSequence() + 1);
            lag += jedis.xrange(stream, first, null).size();
        }
        return lag;
    }

    /** What an exactly-once sink has left beside its topic, but for marks of what is committed. */
    static Set<String> staged(Jedis jedis, String topic) {
        Set<String> keys = new TreeSet<>(jedis.keys("{" + topic + ":*}:staging*"));
        keys.removeIf(key -> key.endsWith(":committed"));
        return keys;
    }

    /** One field of all entries of a stream; null where an entry does not have it. */
    static List<String> values(Jedis jedis, String stream, String field) {
        List<String> values = new ArrayList<>();
        String from = "-";
        while (true) {
            List<StreamEntry> entries = jedis.xrange(stream, from, "+", CHUNK);
            for (StreamEntry entry : entries) {
                values.add(entry.getFields().get(field));
                from = "(" + entry.getID();
            }
            if (entries.size() < CHUNK) {
                return values;
            }
        }
    }
}
