package com.redis.flink.chaos;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.exceptions.JedisException;

import java.util.function.Supplier;

/** A connection that is made when it is needed, and again after it was lost. For one thread. */
final class JedisConnection {

    private final Supplier<Jedis> connect;

    /** Null: there is no connection. */
    private Jedis jedis;

    JedisConnection(Supplier<Jedis> connect) {
        this.connect = connect;
    }

    /** Returns the connection, and connects first if there is none. */
    Jedis get() {
        if (jedis == null) {
            jedis = connect.get();
        }
        return jedis;
    }

    /** Closes the connection, if there is one. */
    void disconnect() {
        if (jedis != null) {
            try {
                jedis.close();
            } catch (JedisException broken) {
                // It is not used again.
            }
            jedis = null;
        }
    }
}
