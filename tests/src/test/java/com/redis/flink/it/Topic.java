package com.redis.flink.it;

import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.Deployment;
import com.redis.flink.testing.RedisServer;

import redis.clients.jedis.AbstractPipeline;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.resps.StreamEntry;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;

/** A topic of a test's own, with a group of its own, seen through a client of its own. */
public final class Topic implements AutoCloseable {

    /** The field that holds a message's number, where a test counts messages. */
    public static final String NUMBER = "n";

    private static final String MARK = ":committed";

    private final Deployment redis;

    /** Null: there may be more than one server. */
    private final Jedis jedis;

    private final UnifiedJedis client;
    private final String name = "topic-" + UUID.randomUUID();
    private final String group = "group-" + UUID.randomUUID();
    private final int partitions;

    public Topic(RedisServer redis, int partitions) {
        this(redis, partitions, redis.jedis());
    }

    public Topic(Deployment redis, int partitions) {
        this(redis, partitions, null);
    }

    private Topic(Deployment redis, int partitions, Jedis jedis) {
        this.redis = redis;
        this.partitions = partitions;
        this.jedis = jedis;
        client = redis.client();
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

    /** For what this class has no words for, on a single server. */
    public Jedis jedis() {
        return Objects.requireNonNull(jedis, "not a single server");
    }

    /** The same, whatever the servers. */
    public UnifiedJedis client() {
        return client;
    }

    /** A source that reads all of the topic. */
    public RedisSourceConfig.Builder source() {
        return redis.connect(RedisSourceConfig.builder())
                .topicName(name)
                .numPartitions(partitions)
                .consumerGroup(group)
                .startingId("0");
    }

    public RedisSinkConfig.Builder sink() {
        return redis.connect(RedisSinkConfig.builder()).topicName(name).numPartitions(partitions);
    }

    /** Adds an entry. */
    public StreamEntryID add(int partition, Map<String, String> fields) {
        return client.xadd(stream(partition), StreamEntryID.NEW_ENTRY, fields);
    }

    /** Adds an entry at that ID. */
    public StreamEntryID addAt(int partition, String id, Map<String, String> fields) {
        return client.xadd(stream(partition), new StreamEntryID(id), fields);
    }

    /** Adds a message with that number to a partition. */
    public void addNumber(int partition, long number) {
        add(partition, Map.of(NUMBER, Long.toString(number)));
    }

    /** Adds the messages with the numbers of [from, to), to the partitions in turn. */
    public void addNumbers(long from, long to) {
        try (AbstractPipeline pipeline = client.pipelined()) {
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
        return client.xrange(stream(partition), (StreamEntryID) null, null);
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
            length += client.xlen(stream(partition));
        }
        return length;
    }

    /**
     * The keys that an exactly-once sink to this topic has made beside it, but for marks of what is
     * done.
     */
    public Set<String> staged() {
        Set<String> keys = keys(":staging*");
        keys.removeIf(key -> key.endsWith(MARK));
        return keys;
    }

    /** How many records it has staged: the field of a pack says how many it holds. */
    public long stagedRecords() {
        return staged().stream()
                .filter(key -> !key.endsWith(":staging")) // the index
                .flatMap(key -> client.xrange(key, (StreamEntryID) null, null).stream())
                .mapToLong(pack -> Long.parseLong(pack.getFields().keySet().iterator().next()))
                .sum();
    }

    /** Its marks of what is committed. */
    public Set<String> marks() {
        return keys(":staging*" + MARK);
    }

    /** Of all partitions; each is asked for by itself, for in a cluster each may be elsewhere. */
    private Set<String> keys(String ending) {
        Set<String> keys = new HashSet<>();
        for (int partition = 0; partition < partitions; partition++) {
            keys.addAll(client.keys("{" + stream(partition) + "}" + ending));
        }
        return keys;
    }

    /** How many entries the group has pending. */
    public long pending() {
        long pending = 0;
        for (int partition = 0; partition < partitions; partition++) {
            pending += client.xpending(stream(partition), group).getTotal();
        }
        return pending;
    }

    /** How many entries the group has not been given, as the server reckons. */
    public long lag() {
        long lag = 0;
        for (int partition = 0; partition < partitions; partition++) {
            lag += (Long) client.xinfoGroups(stream(partition)).get(0).getGroupInfo().get("lag");
        }
        return lag;
    }

    @Override
    public void close() {
        client.close();
        if (jedis != null) {
            jedis.close();
        }
    }
}
