package com.redis.flink.sink;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.RedisMessage;
import com.redis.flink.source.partitioned.reader.deserializer.RedisObjectDeserializer;

import org.apache.flink.util.Collector;
import org.junit.jupiter.api.Test;

import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The object serializers work with the oldest Jackson that the README names. */
class OldestJacksonTest {

    /** A class path of its own, for one JVM has one version. */
    @Test
    void isEnough() throws Exception {
        List<URL> path = new ArrayList<>();
        for (String file : System.getProperty("oldest.jackson").split(File.pathSeparator)) {
            path.add(new File(file).toURI().toURL());
        }
        for (String file : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!new File(file).getName().startsWith("jackson-")) {
                path.add(new File(file).toURI().toURL());
            }
        }
        try (URLClassLoader loader =
                new URLClassLoader(
                        path.toArray(new URL[0]), ClassLoader.getPlatformClassLoader())) {
            Method use =
                    loader.loadClass(OldestJacksonTest.class.getName()).getDeclaredMethod("use");
            use.setAccessible(true);
            Object lines = use.invoke(null);

            assertThat(lines)
                    .isEqualTo(
                            List.of(
                                    "2.9.10",
                                    "{a=1.10, b={\"c\":[1,null]}, d=x\"y}",
                                    "{\"a\":1.10,\"b\":{\"c\":[1,null]},\"d\":\"x\\\"y\",\"e\":null}",
                                    "{data=[1]}",
                                    "[1]"));
        }
    }

    static List<String> use() throws Exception {
        List<String> lines = new ArrayList<>();
        ObjectMapper mapper = new ObjectMapper();
        lines.add(mapper.version().toString());
        Map<String, Object> nested = new LinkedHashMap<>();
        nested.put("c", new Integer[] {1, null});
        Map<String, Object> record = new LinkedHashMap<>();
        record.put("a", new java.math.BigDecimal("1.10"));
        record.put("b", nested);
        record.put("d", "x\"y");
        record.put("e", null);
        lines.add(new RedisHashObjectSerializer<>().serialize(record).toString());
        lines.add(new RedisJsonObjectSerializer<>().serialize(record));
        RedisMessage message = new RedisObjectSerializer<>().Serialize(new int[] {1}, "k");
        lines.add(message.getData().toString());
        new RedisObjectDeserializer<>(Object.class)
                .deserialize(
                        message,
                        new Collector<Object>() {
                            @Override
                            public void collect(Object read) {
                                lines.add(read.toString());
                            }

                            @Override
                            public void close() {}
                        });
        return lines;
    }
}
