package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.testing.Await;

import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.UnifiedJedis;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.resps.StreamEntry;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Numbered messages of a topic, and their copies in another one.
 *
 * <p>A number is written at most once: where a write fails, nobody knows whether it was carried
 * out, and the next number is written. What the topic holds in the end tells.
 */
final class Numbers {

    private static final Duration LIMIT = Duration.ofSeconds(90);
    private static final int KEYS = 20;

    private final UnifiedJedis client;
    private final UnifiedJedis once;
    private final String from;
    private final String to;
    private final int partitions;
    private final AtomicLong written = new AtomicLong();

    /**
     * @param once a client that tries each write once
     */
    Numbers(UnifiedJedis client, UnifiedJedis once, String from, String to, int partitions) {
        this.client = client;
        this.once = once;
        this.from = from;
        this.to = to;
        this.partitions = partitions;
    }

    /** The streams of both topics. */
    List<String> streams() {
        List<String> all = new ArrayList<>(streams(from));
        all.addAll(streams(to));
        return all;
    }

    /** Whether the stream is one of the topic that is copied. */
    boolean isRead(String stream) {
        return streams(from).contains(stream);
    }

    private List<String> streams(String topic) {
        return IntStream.range(0, partitions)
                .mapToObj(partition -> topic + ":" + partition)
                .collect(Collectors.toList());
    }

    /** Writes messages until it is closed, whatever becomes of the servers. */
    Production produce() {
        return new Production();
    }

    /** Waits until so many more messages have been copied. */
    void awaitMore(int messages) {
        long before = Await.value("the servers answer", LIMIT, this::copied, any -> true);
        Await.value(
                messages + " more copies", LIMIT, this::copied, now -> now >= before + messages);
    }

    private long copied() {
        return streams(to).stream().mapToLong(client::xlen).sum();
    }

    /** Whether every message of the topic has a copy. */
    boolean areCopied() {
        Set<Long> copies = new HashSet<>(numbers(to));
        return copies.containsAll(numbers(from));
    }

    void assertCopiedOnceAndInOrder() {
        List<Long> copies = numbers(to);
        assertThat(copies).doesNotHaveDuplicates();
        Map<String, Long> last = new HashMap<>();
        for (String stream : streams(to)) {
            for (StreamEntry entry : entries(stream)) {
                long number = number(entry);
                Long before = last.put(entry.getFields().get("key"), number);
                assertThat(before == null || before < number)
                        .as("%s before %s", before, number)
                        .isTrue();
            }
        }
    }

    /** Copies of messages that the topic no longer holds: the servers have lost those. */
    Set<Long> lost() {
        Set<Long> lost = new TreeSet<>(numbers(to));
        numbers(from).forEach(lost::remove);
        return lost;
    }

    long pending(String group) {
        return streams(from).stream()
                .mapToLong(stream -> client.xpending(stream, group).getTotal())
                .sum();
    }

    private List<Long> numbers(String topic) {
        return streams(topic).stream()
                .flatMap(stream -> entries(stream).stream())
                .map(Numbers::number)
                .collect(Collectors.toList());
    }

    private List<StreamEntry> entries(String stream) {
        return client.xrange(stream, (StreamEntryID) null, null);
    }

    private static long number(StreamEntry entry) {
        return Long.parseLong(entry.getFields().get("n"));
    }

    /** A thread that writes. */
    final class Production implements AutoCloseable {

        private final Thread thread = new Thread(this::run, "producer");
        private volatile boolean closed;

        private Production() {
            thread.start();
        }

        private void run() {
            while (!closed) {
                long number = written.getAndIncrement();
                Map<String, String> fields =
                        Map.of("key", "k" + number % KEYS, "n", Long.toString(number));
                try {
                    once.xadd(
                            from + ":" + number % KEYS % partitions,
                            StreamEntryID.NEW_ENTRY,
                            fields);
                } catch (JedisException unknown) {
                    // Its number is not used again.
                }
            }
        }

        @Override
        public void close() throws InterruptedException {
            closed = true;
            thread.join(LIMIT.toMillis());
            assertThat(thread.isAlive()).as("the producer has ended").isFalse();
        }
    }
}
