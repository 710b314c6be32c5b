package com.redis.flink.config.tls;

import org.apache.flink.annotation.Internal;

/** What the client shows to a server: its certificate with the chain, and the key to it, as PEM. */
@Internal
public final class Identity {

    /** The client shows nothing. */
    public static final Identity NONE = new Identity("", "");

    private final String certificates;
    private final String key;

    public Identity(String certificates, String key) {
        this.certificates = certificates;
        this.key = key;
    }

    /** Returns the certificates as PEM, the client's own first; empty: there are none. */
    public String certificates() {
        return certificates;
    }

    /** Returns the key as PEM, not encrypted; empty: there is none. Must not get into logs. */
    public String key() {
        return key;
    }
}
