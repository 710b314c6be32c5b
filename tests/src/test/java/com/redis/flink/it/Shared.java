package com.redis.flink.it;

import java.io.Serializable;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;

/**
 * An object of the test that the functions of its job see, too: they are serialized, but run in
 * this JVM.
 *
 * @param <T> safe for several threads
 */
public final class Shared<T> implements Serializable, AutoCloseable {

    private static final long serialVersionUID = 1L;
    private static final Map<String, Object> ALL = new ConcurrentHashMap<>();

    private final String id = UUID.randomUUID().toString();

    public Shared(T object) {
        ALL.put(id, object);
    }

    @SuppressWarnings("unchecked")
    public T get() {
        return (T) ALL.get(id);
    }

    @Override
    public void close() {
        ALL.remove(id);
    }
}
