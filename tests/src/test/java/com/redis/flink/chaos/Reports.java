package com.redis.flink.chaos;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What the jobs have in their state: files that {@code CountOperator} writes when a checkpoint is
 * complete, one for each subtask, {@code <strategy>-<run>-<checkpoint>-<subtask>-<subtasks>}; and
 * the same as {@code taken-…}, written before it is complete.
 */
final class Reports {

    private final Path folder;

    Reports(Path folder) {
        this.folder = folder;
    }

    Path folder() {
        return folder;
    }

    /** The newest checkpoint of which every subtask has reported; forgets the older ones. */
    Optional<Counted> newest(String strategy) throws IOException {
        Map<Checkpoint, List<Path>> parts = new TreeMap<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, strategy + "-*")) {
            for (Path file : files) {
                Checkpoint checkpoint = new Checkpoint(file.getFileName().toString().split("-"));
                parts.computeIfAbsent(checkpoint, c -> new ArrayList<>()).add(file);
            }
        }
        Counted newest = null;
        for (Map.Entry<Checkpoint, List<Path>> entry : parts.entrySet()) {
            if (entry.getValue().size() == entry.getKey().subtasks) {
                newest = new Counted(entry.getKey());
                for (Path part : entry.getValue()) {
                    newest.add(Files.readAllLines(part));
                }
            }
        }
        for (Map.Entry<Checkpoint, List<Path>> entry : parts.entrySet()) {
            if (newest != null && entry.getKey().compareTo(newest.checkpoint) < 0) {
                for (Path old : entry.getValue()) {
                    Files.deleteIfExists(old);
                }
            }
        }
        return Optional.ofNullable(newest);
    }

    /**
     * What a checkpoint has, which is known to be complete although not every subtask may have been
     * told. Forgets the older ones.
     */
    Optional<Counted> taken(String strategy, int run, long id) throws IOException {
        Counted counted = null;
        int parts = 0;
        String prefix = "taken-" + strategy + "-";
        try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, prefix + "*")) {
            for (Path file : files) {
                String name = file.getFileName().toString().substring("taken-".length());
                Checkpoint checkpoint = new Checkpoint(name.split("-"));
                if (checkpoint.run == run && checkpoint.id == id) {
                    counted = counted == null ? new Counted(checkpoint) : counted;
                    counted.add(Files.readAllLines(file));
                    parts++;
                } else if (checkpoint.run < run || checkpoint.run == run && checkpoint.id < id) {
                    Files.deleteIfExists(file);
                }
            }
        }
        return parts == 0 || parts < counted.checkpoint.subtasks
                ? Optional.empty()
                : Optional.of(counted);
    }

    /** A completed checkpoint of one job; a job that was restored is a later run. */
    static final class Checkpoint implements Comparable<Checkpoint> {

        private final int run;
        private final long id;
        private final int subtasks;

        Checkpoint(String[] name) {
            run = Integer.parseInt(name[1]);
            id = Long.parseLong(name[2]);
            subtasks = Integer.parseInt(name[4]);
        }

        @Override
        public int compareTo(Checkpoint other) {
            return Comparator.<Checkpoint>comparingInt(c -> c.run)
                    .thenComparingLong(c -> c.id)
                    .thenComparingInt(c -> c.subtasks)
                    .compare(this, other);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Checkpoint && compareTo((Checkpoint) other) == 0;
        }

        @Override
        public int hashCode() {
            return Long.hashCode(id) * 31 + run;
        }

        @Override
        public String toString() {
            return "checkpoint " + id + " of run " + run;
        }
    }

    /** What one job has counted. */
    static final class Counted {

        final Checkpoint checkpoint;
        private final Map<String, String> runs = new HashMap<>();
        private final Map<String, Long> numbers = new HashMap<>();
        private long duplicated;
        private long gaps;

        Counted(Checkpoint checkpoint) {
            this.checkpoint = checkpoint;
        }

        private void add(List<String> lines) {
            for (String line : lines) {
                String[] words = line.split(" ");
                duplicated += Long.parseLong(words[1]);
                long counted = 0;
                for (int i = 2; i < words.length; i++) {
                    int dash = words[i].indexOf('-');
                    long first = Long.parseLong(words[i].substring(0, dash));
                    long last = Long.parseLong(words[i].substring(dash + 1));
                    counted += last - first + 1;
                    gaps += i == 2 && first == 0 ? 0 : 1;
                }
                if (numbers.put(words[0], counted) != null) {
                    throw new IllegalStateException("two subtasks have " + words[0]);
                }
                runs.put(words[0], line);
            }
        }

        /** Distinct numbers of one key. */
        long of(String key) {
            return numbers.getOrDefault(key, 0L);
        }

        /** Distinct numbers of all keys. */
        long total() {
            return numbers.values().stream().mapToLong(Long::longValue).sum();
        }

        /** Numbers that were counted although they had been counted. */
        long duplicated() {
            return duplicated;
        }

        /** Holes between the numbers of a key. */
        long gaps() {
            return gaps;
        }

        /** Numbers that were produced and not counted. */
        long lost(Map<String, Long> produced) {
            long lost = 0;
            for (Map.Entry<String, Long> key : produced.entrySet()) {
                lost += key.getValue() - numbers.getOrDefault(key.getKey(), 0L);
            }
            return lost;
        }

        /** Some of the keys whose numbers are not each there once, with what is there. */
        String problems(Map<String, Long> produced) {
            StringBuilder text = new StringBuilder();
            int shown = 0;
            for (Map.Entry<String, Long> key : produced.entrySet()) {
                String wanted = key.getKey() + " 0 0-" + (key.getValue() - 1);
                String is = runs.getOrDefault(key.getKey(), key.getKey());
                if (!is.equals(wanted)) {
                    text.append("    wanted ").append(wanted).append(", is ");
                    text.append(is, 0, Math.min(is.length(), 120)).append('\n');
                    if (++shown == 5) {
                        return text.append("    and more\n").toString();
                    }
                }
            }
            return text.toString();
        }
    }
}
