package com.redis.flink.config;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.Objects;

/** A user and a password of Redis' access control list. Never shows the password. */
@PublicEvolving
public final class Credentials implements Serializable {

    private static final long serialVersionUID = 1L;

    private final String user;
    private final String password;

    /**
     * @param user null and empty: {@code default}
     * @param password null and empty: no authentication
     */
    public Credentials(String user, String password) {
        this.user = user == null || user.isEmpty() ? ConnectionOptions.DEFAULT_USER : user;
        this.password = password == null ? "" : password;
    }

    public String getUser() {
        return user;
    }

    /** Returns the password; must not get into logs or messages. */
    public String getPassword() {
        return password;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Credentials
                && user.equals(((Credentials) other).user)
                && password.equals(((Credentials) other).password);
    }

    @Override
    public int hashCode() {
        return Objects.hash(user);
    }

    @Override
    public String toString() {
        return "Credentials{user=" + user + "}";
    }
}
