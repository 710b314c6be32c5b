package com.redis.flink.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.redis.flink.RedisMessage;
import com.redis.flink.sink.RedisHashObjectSerializer;
import com.redis.flink.sink.RedisJsonObjectSerializer;
import com.redis.flink.sink.RedisObjectSerializer;
import com.redis.flink.source.partitioned.reader.deserializer.RedisObjectDeserializer;

import org.apache.flink.api.common.functions.util.ListCollector;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What Jackson knows of a job's classes goes with the job, also where Jackson stays. */
class PlainMapperTest {

    private static final Duration LIMIT = Duration.ofSeconds(30);

    /** The class of a job's records. */
    public static final class Bean {
        public String name = "n";
        public List<Bean> parts = List.of();
    }

    /** Has a {@link Bean} of its own, as Flink's class loader for a job has. */
    private static final class JobLoader extends ClassLoader {

        JobLoader() {
            super(PlainMapperTest.class.getClassLoader());
        }

        Class<?> bean() throws IOException {
            String name = Bean.class.getName();
            try (InputStream file = getResourceAsStream(name.replace('.', '/') + ".class")) {
                byte[] bytes = file.readAllBytes();
                return defineClass(name, bytes, 0, bytes.length);
            }
        }
    }

    private interface Use {
        void of(Class<?> bean) throws Exception;
    }

    private static <T> void read(Class<T> bean) throws IOException {
        List<T> objects = new ArrayList<>();
        RedisMessage message = RedisMessage.of("k", Map.of("data", "{\"name\":\"a\"}"));
        new RedisObjectDeserializer<>(bean).deserialize(message, new ListCollector<>(objects));
        assertThat(objects).hasSize(1);
    }

    private static Object made(Class<?> bean) throws ReflectiveOperationException {
        return bean.getConstructor().newInstance();
    }

    @Test
    void objectsThatWereRead() throws Exception {
        assertForgotten(PlainMapperTest::read);
    }

    @Test
    void objectsThatWereWritten() throws Exception {
        assertForgotten(bean -> new RedisObjectSerializer<>().Serialize(made(bean)));
        assertForgotten(bean -> new RedisHashObjectSerializer<>().serialize(made(bean)));
        assertForgotten(bean -> new RedisJsonObjectSerializer<>().serialize(made(bean)));
    }

    private static void assertForgotten(Use use) throws Exception {
        ReferenceQueue<ClassLoader> gone = new ReferenceQueue<>();
        WeakReference<ClassLoader> loader = new WeakReference<>(used(use), gone);
        long deadline = System.nanoTime() + LIMIT.toNanos();
        do {
            System.gc();
            if (gone.remove(100) == loader) {
                return;
            }
        } while (System.nanoTime() < deadline);
        throw new AssertionError("something still holds " + loader.get());
    }

    private static ClassLoader used(Use use) throws Exception {
        JobLoader loader = new JobLoader();
        use.of(loader.bean());
        return loader;
    }
}
