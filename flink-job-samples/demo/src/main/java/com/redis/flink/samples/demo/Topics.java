package com.redis.flink.samples.demo;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.resps.StreamGroupInfo;

import java.util.List;
import java.util.stream.IntStream;

/** What the server says about the two topics of the job. */
final class Topics {

    /** The counts of one moment, summed over all partitions. */
    static final class Counts {
        long consumed;
        long acknowledged;
        long pending;
        long written;
    }

    private final Jedis jedis;
    private final String topic;
    private final String group;
    private final String output;
    private final int partitions;

    Topics(Jedis jedis, String topic, String group, String output, int partitions) {
        this.jedis = jedis;
        this.topic = topic;
        this.group = group;
        this.output = output;
        this.partitions = partitions;
    }

    /** A group that starts at {@code $} sees only what is written after it was created. */
    boolean groupsExist() {
        return IntStream.range(0, partitions).allMatch(partition -> group(partition) != null);
    }

    Counts counts() {
        Counts counts = new Counts();
        for (int partition = 0; partition < partitions; partition++) {
            StreamGroupInfo info = group(partition);
            if (info != null && info.getGroupInfo().get("entries-read") instanceof Long) {
                long read = (Long) info.getGroupInfo().get("entries-read");
                counts.consumed += read;
                counts.pending += info.getPending();
                counts.acknowledged += read - info.getPending();
            }
            counts.written += jedis.xlen(output + ":" + partition);
        }
        return counts;
    }

    private StreamGroupInfo group(int partition) {
        try {
            List<StreamGroupInfo> groups = jedis.xinfoGroups(topic + ":" + partition);
            return groups.stream().filter(g -> g.getName().equals(group)).findAny().orElse(null);
        } catch (JedisDataException noSuchStream) {
            return null;
        }
    }
}
