package com.redis.flink.bench.lab;

import redis.clients.jedis.Jedis;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Watches, on a thread of its own, how much memory the server uses for its clients: what it has
 * received of commands, and replies that were not fetched yet.
 */
public final class ServerMemory implements AutoCloseable {

    private static final long PAUSE = TimeUnit.MILLISECONDS.toNanos(2);

    private final Jedis jedis;
    private final Thread thread = new Thread(this::watch, "server-memory");
    private volatile boolean closed;
    private volatile long most;

    public ServerMemory(Server server) {
        jedis = server.connect();
        thread.start();
    }

    private void watch() {
        while (!closed) {
            long now = Long.parseLong(Server.field(jedis, "memory", "mem_clients_normal"));
            most = Math.max(most, now);
            LockSupport.parkNanos(PAUSE);
        }
    }

    /** Returns the most bytes that were seen. */
    public long most() {
        return most;
    }

    @Override
    public void close() throws InterruptedException {
        closed = true;
        thread.join(Await.LIMIT.toMillis());
        jedis.close();
    }
}
