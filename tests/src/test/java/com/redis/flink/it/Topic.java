package com.redis.flink.it;

import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.RedisServer;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.resps.StreamEntry;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;

/** A topic of a test's own, with a group of its own, seen through a client of its own. */
public final class Topic implements AutoCloseable {

    /** The field that holds a message's number, where a test counts messages. */
    public static final String NUMBER = "n";

    private static final String MARK = ":committed";

    private final RedisServer redis;
    private final Jedis jedis;
    private final String name = "topic-" + UUID.randomUUID();
    private final String group = "group-" + UUID.randomUUID();
    private final int partitions;

    public Topic(RedisServer redis, int partitions) {
        this.redis = redis;
        this.partitions = partitions;
        jedis = redis.jedis();
    }

    public String name() {
        return name;
    }

    public String group() {
        return group;
    }

    public String stream(int partition) {
        return name + ":" + partition;
    }

    /** For what this class has no words for. */
    public Jedis jedis() {
        return jedis;
    }

    /** A source that reads all of the topic. */
    public RedisSourceConfig.Builder source() {
        return RedisSourceConfig.builder()
                .host(redis.host())
                .port(redis.port())
                .topicName(name)
                .numPartitions(partitions)
                .consumerGroup(group)
                .startingId("0");
    }

    public RedisSinkConfig.Builder sink() {
        return RedisSinkConfig.builder()
                .host(redis.host())
                .port(redis.port())
                .topicName(name)
                .numPartitions(partitions);
    }

    /** Adds an entry. */
    public StreamEntryID add(int partition, Map<String, String> fields) {
        return jedis.xadd(stream(partition), StreamEntryID.NEW_ENTRY, fields);
    }

    /** Adds an entry at that ID. */
    public StreamEntryID addAt(int partition, String id, Map<String, String> fields) {
        return jedis.xadd(stream(partition), new StreamEntryID(id), fields);
    }

    /** Adds a message with that number to a partition. */
    public void addNumber(int partition, long number) {
        add(partition, Map.of(NUMBER, Long.toString(number)));
    }

    /** Adds the messages with the numbers of [from, to), to the partitions in turn. */
    public void addNumbers(long from, long to) {
        try (Pipeline pipeline = jedis.pipelined()) {
            LongConsumer add =
                    number ->
                            pipeline.xadd(
                                    stream((int) (number % partitions)),
                                    StreamEntryID.NEW_ENTRY,
                                    Map.of(NUMBER, Long.toString(number)));
            for (long number = from; number < to; number++) {
                add.accept(number);
            }
        }
    }

    public List<StreamEntry> entries(int partition) {
        return jedis.xrange(stream(partition), (StreamEntryID) null, null);
    }

    /** One field of all entries of a partition, in order. */
    public List<String> values(int partition, String field) {
        return entries(partition).stream()
                .map(entry -> entry.getFields().get(field))
                .collect(Collectors.toList());
    }

    /** One field of all entries, partition by partition. */
    public List<String> values(String field) {
        List<String> all = new ArrayList<>();
        for (int partition = 0; partition < partitions; partition++) {
            all.addAll(values(partition, field));
        }
        return all;
    }

    public long length() {
        long length = 0;
        for (int partition = 0; partition < partitions; partition++) {
            length += jedis.xlen(stream(partition));
        }
        return length;
    }

    /**
     * The keys that an exactly-once sink to this topic has made beside it, but for marks of what is
     * done.
     */
    public Set<String> staged() {
        Set<String> keys = jedis.keys("{" + name + ":*}:staging*");
        keys.removeIf(key -> key.endsWith(MARK));
        return keys;
    }

    /** Its marks of what is committed. */
    public Set<String> marks() {
        return jedis.keys("{" + name + ":*}:staging*" + MARK);
    }

    /** How many entries the group has pending. */
    public long pending() {
        long pending = 0;
        for (int partition = 0; partition < partitions; partition++) {
            pending += jedis.xpending(stream(partition), group).getTotal();
        }
        return pending;
    }

    /** How many entries the group has not been given, as the server reckons. */
    public long lag() {
        long lag = 0;
        for (int partition = 0; partition < partitions; partition++) {
            lag += (Long) jedis.xinfoGroups(stream(partition)).get(0).getGroupInfo().get("lag");
        }
        return lag;
    }

    @Override
    public void close() {
        jedis.close();
    }
}
