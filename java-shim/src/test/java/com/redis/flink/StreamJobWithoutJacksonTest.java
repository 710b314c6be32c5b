package com.redis.flink;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.config.CredentialsSupplier;
import com.redis.flink.sink.RedisPassthroughSerializer;
import com.redis.flink.sink.RedisSinkBuilder;
import com.redis.flink.sink.RedisSinkConfig;
import com.redis.flink.sink.committer.RedisCommittableSerializer;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.source.partitioned.RedisSourceBuilder;
import com.redis.flink.source.partitioned.RedisSourceConfig;
import com.redis.flink.source.partitioned.reader.deserializer.RedisMessageDeserializer;

import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A stream job needs no Jackson of its own: the connector's settings, splits and counts are written
 * with what a Flink distribution has. ({@code ConnectorInLibIT} runs such a job.)
 */
class StreamJobWithoutJacksonTest {

    private static final String JACKSON = "com.fasterxml.jackson.databind.ObjectMapper";

    /** The classes through which all object serializers go. */
    private static final List<String> OBJECTS =
            List.of(
                    "JacksonWriter",
                    "ObjectMapperSupplier",
                    "PlainMapper",
                    "RedisObjectDeserializer");

    @Test
    void isBuiltAndShipped() throws Exception {
        try (URLClassLoader loader = withoutJackson()) {
            Method use = loader.loadClass(getClass().getName()).getDeclaredMethod("use");
            use.setAccessible(true);

            assertThat(use.invoke(null)).isEqualTo("a connection, a topic, credentials and state");
        } catch (InvocationTargetException e) {
            throw new AssertionError(e.getCause());
        }
    }

    /** Looks at every class, so that none is missed which only a live server would bring in. */
    @Test
    void onlyObjectSerializersNameJackson() throws Exception {
        Path classes =
                Path.of(
                        RedisMessage.class
                                .getProtectionDomain()
                                .getCodeSource()
                                .getLocation()
                                .toURI());
        List<String> naming;
        try (Stream<Path> files = Files.walk(classes)) {
            naming =
                    files.filter(file -> file.toString().endsWith(".class"))
                            .filter(StreamJobWithoutJacksonTest::namesJackson)
                            .map(file -> file.getFileName().toString().replaceAll("[$.].*", ""))
                            .distinct()
                            .sorted()
                            .collect(Collectors.toList());
        }
        assertThat(naming).isEqualTo(OBJECTS);
    }

    /** Returns whether a class file names Jackson; Flink's own copy has another prefix. */
    private static boolean namesJackson(Path file) {
        try {
            String constants = Files.readString(file, StandardCharsets.ISO_8859_1);
            return constants
                    .replace("org/apache/flink/shaded/jackson2/com/fasterxml/jackson", "")
                    .contains("com/fasterxml/jackson");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static URLClassLoader withoutJackson() throws Exception {
        List<URL> path = new ArrayList<>();
        for (String file : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!new File(file).getName().startsWith("jackson-")) {
                path.add(new File(file).toURI().toURL());
            }
        }
        return new URLClassLoader(path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
    }

    /** Runs where there is no Jackson. */
    static String use() throws Exception {
        assertThatThrownBy(() -> Class.forName(JACKSON)).isInstanceOf(ClassNotFoundException.class);

        RedisSourceConfig source =
                RedisSourceConfig.builder()
                        .credentialsProvider(() -> null)
                        .topicName("orders")
                        .numPartitions(1)
                        .consumerGroup("billing")
                        .build();
        RedisSinkConfig sink =
                RedisSinkConfig.builder().topicName("orders").numPartitions(1).build();
        RedisSource<RedisMessage> read =
                new RedisSourceBuilder<>(source, new RedisMessageDeserializer()).build();
        for (Object shipped :
                Arrays.asList(
                        read,
                        new RedisSinkBuilder<>(new RedisPassthroughSerializer(), sink).build(),
                        source,
                        sink)) {
            InstantiationUtil.clone((Serializable) shipped);
        }
        CredentialsSupplier credentials = source.getConnection().credentials().orElseThrow();
        assertThatThrownBy(credentials::get).hasMessageContaining("gave null");
        assertThat(read.getSplitSerializer().getVersion()).isPositive();
        assertThat(new RedisCommittableSerializer().getVersion()).isPositive();
        assertThat(source.toSettings().toString()).contains("\"topic\":\"orders\"");
        return "a connection, a topic, credentials and state";
    }
}
