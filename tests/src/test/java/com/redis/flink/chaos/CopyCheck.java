package com.redis.flink.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.redis.flink.testing.RedisServer;
import com.redis.flink.testing.SessionCluster;

import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.exceptions.JedisException;
import redis.clients.jedis.resps.StreamEntry;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Reads what a job's exactly-once sink writes, as any reader would: while it is written. Each
 * number is to be there once, in order for each key, and no sooner than a checkpoint that holds it
 * has completed.
 */
final class CopyCheck implements AutoCloseable {

    private static final Duration PERIOD = Duration.ofMillis(700);
    private static final Duration JOIN = Duration.ofSeconds(30);

    /** How long a checkpoint that has completed may stay unknown to us. */
    private static final long PATIENCE_MILLIS = 15_000;

    private static final int CHUNK = 1000;
    private static final int SHOWN = 10;

    private final String strategy;
    private final String topic;
    private final JedisConnection connection;
    private final SessionCluster flink;
    private final Reports reports;
    private final Consumer<String> log;
    private final Thread thread;

    // The reader's thread has them, and who holds the lock.
    private final StreamEntryID[] last;
    private final Map<String, BitSet> numbers = new HashMap<>();
    private final StringBuilder problems = new StringBuilder();
    private long read;
    private long duplicated;
    private long misordered;
    private long early;
    private long checks;
    private long found;

    // The reader's thread only.
    private final Deque<Sight> sights = new ArrayDeque<>();
    private final Deque<Completed> completed = new ArrayDeque<>();

    private volatile boolean stopping;

    CopyCheck(
            String strategy,
            int partitions,
            RedisServer redis,
            SessionCluster flink,
            Reports reports,
            Consumer<String> log) {
        this.strategy = strategy;
        this.topic = "copy-" + strategy;
        connection = new JedisConnection(redis::jedis);
        this.flink = flink;
        this.reports = reports;
        this.log = log;
        last = new StreamEntryID[partitions];
        thread = new Thread(this::follow, topic);
        thread.setDaemon(true);
    }

    String topic() {
        return topic;
    }

    void start() {
        thread.start();
    }

    /** Ends reading, when what was read has been compared with the checkpoints. */
    void stop() throws InterruptedException {
        stopping = true;
        LockSupport.unpark(thread);
        thread.join(JOIN.toMillis());
        if (thread.isAlive()) {
            throw new IllegalStateException("the reader of " + topic + " does not end");
        }
    }

    @Override
    public void close() {
        stopping = true;
        thread.interrupt();
    }

    synchronized long read() {
        return read;
    }

    /** Numbers that were produced and not read. */
    synchronized long lost(Map<String, Long> produced) {
        long lost = 0;
        for (Map.Entry<String, Long> key : produced.entrySet()) {
            lost += key.getValue() - numbers.getOrDefault(key.getKey(), new BitSet()).cardinality();
        }
        return lost;
    }

    synchronized long duplicated() {
        return duplicated;
    }

    synchronized long misordered() {
        return misordered;
    }

    /** Looks that found something which no checkpoint held that had completed by then. */
    synchronized long early() {
        return early;
    }

    /** Looks that found something new and were compared with the checkpoints. */
    synchronized long checks() {
        return checks;
    }

    /** Some of what is wrong. */
    synchronized String problems() {
        return problems.toString();
    }

    private void follow() {
        try {
            boolean more = true;
            while (more || !sights.isEmpty()) {
                LockSupport.parkNanos(PERIOD.toNanos());
                if (Thread.currentThread().isInterrupted()) {
                    return;
                }
                more = !stopping;
                look();
                compare();
            }
        } catch (RuntimeException e) {
            problem("the reader failed: " + e);
        } finally {
            connection.disconnect();
        }
    }

    /** Reads what is new. */
    private void look() {
        long before = read;
        try {
            for (int partition = 0; partition < last.length; partition++) {
                look(partition);
            }
        } catch (JedisException e) {
            connection.disconnect();
        }
        if (read > before) {
            Map<String, Long> seen = new HashMap<>();
            numbers.forEach((key, set) -> seen.put(key, (long) set.length()));
            sights.add(new Sight(System.currentTimeMillis(), seen));
        }
    }

    private void look(int partition) {
        while (true) {
            String from = last[partition] == null ? "-" : "(" + last[partition];
            List<StreamEntry> entries =
                    connection.get().xrange(topic + ":" + partition, from, "+", CHUNK);
            for (StreamEntry entry : entries) {
                last[partition] = entry.getID();
                add(entry);
            }
            if (entries.size() < CHUNK) {
                return;
            }
        }
    }

    private synchronized void add(StreamEntry entry) {
        read++;
        String key = entry.getFields().get("key");
        int number = Integer.parseInt(entry.getFields().get("number"));
        BitSet there = numbers.computeIfAbsent(key, k -> new BitSet());
        if (there.get(number)) {
            duplicated++;
            problem(key + " " + number + " is there again, at " + entry.getID());
        } else if (number < there.length()) {
            misordered++;
            problem(key + " " + number + " is behind " + (there.length() - 1));
        } else if (number > there.length()) {
            problem(key + " " + number + " is next to " + (there.length() - 1));
        }
        there.set(number);
    }

    /**
     * Compares what was seen with the checkpoints that had completed by then. Flink tells of them
     * with a delay, and so it does not matter when we ask: each checkpoint says when it was
     * acknowledged by the last task, and nothing of it may be seen before that.
     */
    private void compare() {
        if (sights.isEmpty()) {
            return;
        }
        try {
            learn();
        } catch (IOException e) {
            return; // asked again with what is seen next
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        while (!sights.isEmpty()) {
            Sight sight = sights.getFirst();
            String ahead = ahead(sight);
            if (!ahead.isEmpty() && System.currentTimeMillis() - sight.millis < PATIENCE_MILLIS) {
                return;
            }
            sights.removeFirst();
            synchronized (this) {
                checks++;
                early += ahead.isEmpty() ? 0 : 1;
            }
            if (!ahead.isEmpty()) {
                problem(ahead);
            }
        }
    }

    private String ahead(Sight sight) {
        Map<String, Long> allowed = new HashMap<>();
        String newest = "no checkpoint";
        for (Completed one : completed) {
            if (one.millis <= sight.millis) {
                sight.numbers.keySet().forEach(k -> allowed.merge(k, one.state.of(k), Math::max));
                newest = one.state.checkpoint.toString();
            }
        }
        for (Map.Entry<String, Long> key : sight.numbers.entrySet()) {
            if (key.getValue() > allowed.getOrDefault(key.getKey(), 0L)) {
                return String.format(
                        "%s %d was seen at %d, when %s had completed, with %d",
                        key.getKey(),
                        key.getValue() - 1,
                        sight.millis,
                        newest,
                        allowed.getOrDefault(key.getKey(), 0L) - 1);
            }
        }
        return "";
    }

    /** Asks Flink which checkpoints have completed since. */
    private void learn() throws IOException, InterruptedException {
        List<JsonNode> runs = new ArrayList<>();
        for (JsonNode job : flink.rest("/jobs/overview").path("jobs")) {
            if (job.path("name").asText().equals(strategy)) {
                runs.add(job);
            }
        }
        runs.sort(Comparator.comparingLong(job -> job.path("start-time").asLong()));
        for (int run = Math.max(1, runs.size() - 1); run <= runs.size(); run++) {
            List<JsonNode> history = new ArrayList<>();
            String job = runs.get(run - 1).path("jid").asText();
            flink.rest("/jobs/" + job + "/checkpoints").path("history").forEach(history::add);
            history.removeIf(checkpoint -> !checkpoint.path("status").asText().equals("COMPLETED"));
            history.sort(Comparator.comparingLong(checkpoint -> checkpoint.path("id").asLong()));
            for (JsonNode checkpoint : history) {
                learn(run, checkpoint);
            }
        }
        // The oldest sight needs the newest of those that were completed by then, and later ones.
        while (completed.size() > 50) {
            completed.removeFirst();
        }
    }

    private void learn(int run, JsonNode checkpoint) throws IOException {
        long id = checkpoint.path("id").asLong();
        if (!completed.isEmpty() && !completed.getLast().isBefore(run, id)) {
            return;
        }
        Optional<Reports.Counted> state = reports.taken(strategy, run, id);
        if (state.isPresent()) {
            long millis = checkpoint.path("latest_ack_timestamp").asLong();
            completed.add(new Completed(run, id, millis, state.get()));
        }
    }

    private synchronized void problem(String what) {
        if (++found <= SHOWN) {
            problems.append("    ").append(what).append('\n');
            log.accept("!! " + topic + ": " + what);
        } else if (found == SHOWN + 1) {
            problems.append("    and more\n");
        }
    }

    /** The first number of each key that was not there at a time. */
    private static final class Sight {

        private final long millis;
        private final Map<String, Long> numbers;

        Sight(long millis, Map<String, Long> numbers) {
            this.millis = millis;
            this.numbers = numbers;
        }
    }

    /** A checkpoint, and when its last task had acknowledged it. */
    private static final class Completed {

        private final int run;
        private final long id;
        private final long millis;
        private final Reports.Counted state;

        Completed(int run, long id, long millis, Reports.Counted state) {
            this.run = run;
            this.id = id;
            this.millis = millis;
            this.state = state;
        }

        private boolean isBefore(int run, long id) {
            return this.run < run || this.run == run && this.id < id;
        }
    }
}
