package com.redis.flink.bridge;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.it.Topic;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.testing.Await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Native objects for tests that do without Flink, and what is left of them. */
final class NativeObjects {

    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final ObjectMapper JSON = new ObjectMapper();

    private NativeObjects() {}

    /** A reader of all partitions. */
    static NativeReader reader(Topic topic) throws Exception {
        return reader(topic, Optional.empty());
    }

    /** One that asks for its credentials, if there is somebody to ask. */
    static NativeReader reader(Topic topic, Optional<CredentialsSupplier> supplier)
            throws Exception {
        RedisSourceConfig config = config(topic);
        NativeReader reader = NativeReader.open(settings(config, supplier), supplier);
        reader.addSplits(splits(config, supplier));
        return reader;
    }

    static RedisSourceConfig config(Topic topic) {
        return topic.source().clientName(clientName(topic)).build();
    }

    static NativeWriter writer(Topic topic) throws Exception {
        return NativeWriter.open(config(topic).toDeadLetterSettings().toString(), Optional.empty());
    }

    private static String settings(
            RedisSourceConfig config, Optional<CredentialsSupplier> supplier) {
        String settings = config.toSettings().toString();
        return supplier.isPresent()
                ? settings.replace("\"deployment\"", "\"credentials\":true,\"deployment\"")
                : settings;
    }

    private static String splits(RedisSourceConfig config, Optional<CredentialsSupplier> supplier)
            throws Exception {
        try (NativeEnumerator enumerator =
                NativeEnumerator.open(settings(config, supplier), supplier)) {
            String found =
                    enumerator.discover("{\"parallelism\":1,\"restored\":false,\"known\":[]}");
            JsonNode splits = JSON.readTree(found).get("splits");
            return splits.toString();
        }
    }

    private static String clientName(Topic topic) {
        return "of-" + topic.group();
    }

    /** Connections of the topic's native objects. */
    static List<String> connections(Topic topic) {
        return Stream.of(topic.jedis().clientList().split("\n"))
                .filter(line -> line.contains(" name=" + clientName(topic)))
                .collect(Collectors.toList());
    }

    /** The kernel's names of this process's threads: they include those that Java cannot see. */
    static List<String> threads() throws IOException {
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            return tasks.map(NativeObjects::name)
                    .filter(name -> name.startsWith("flink-redis"))
                    .collect(Collectors.toList());
        }
    }

    private static String name(Path task) {
        try {
            return Files.readString(task.resolve("comm")).trim();
        } catch (IOException ended) {
            return "";
        }
    }

    static void awaitNothingLeft(Topic topic) {
        Await.value("no connection", LIMIT, () -> connections(topic), List::isEmpty);
        Await.value("no thread", LIMIT, NativeObjects::threads, List::isEmpty);
    }
}
