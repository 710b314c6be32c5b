package com.redis.flink.config;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server's address: {@code host}, {@code host:port}, {@code [IPv6]:port}, or a bare IPv6. */
final class HostAndPort implements Serializable {

    private static final long serialVersionUID = 1L;

    /** Two colons at least: with one it could be a host and a port. */
    private static final String IPV6 = "[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[^\\]\\s]+)?";

    private static final Pattern WITH_PORT =
            Pattern.compile("(?:\\[(" + IPV6 + ")\\]|([^\\s\\x00:/?#@\\[\\],]+))(?::(\\d{1,5}))?");
    private static final Pattern BARE_IPV6 = Pattern.compile(IPV6);

    /** A default for addresses that may have no port. */
    static final int NO_PORT = 0;

    /** Without brackets. */
    final String host;

    final int port;

    HostAndPort(String host, int port) {
        this.host = host;
        this.port = port;
    }

    /** Returns the parts of texts in which commas separate what is not given one by one. */
    static List<String> split(String... texts) {
        List<String> parts = new ArrayList<>();
        if (texts != null) {
            for (String text : texts) {
                for (String part : text == null ? new String[0] : text.split(",")) {
                    if (!part.isBlank()) {
                        parts.add(part.trim());
                    }
                }
            }
        }
        return List.copyOf(parts);
    }

    /** Returns a server of an option's value. */
    static HostAndPort parse(String option, String text, int defaultPort) {
        if (text != null && BARE_IPV6.matcher(text).matches()) {
            return new HostAndPort(text, defaultPort);
        }
        return parse(text, defaultPort)
                .orElseThrow(
                        () ->
                                OptionChecks.invalid(
                                        option,
                                        "\"" + text + "\"",
                                        "host or host:port, with a port from 1 to 65535 and an IPv6"
                                                + " address in brackets"));
    }

    /** Returns a server of a URI; empty: it is none. */
    static Optional<HostAndPort> parse(String text, int defaultPort) {
        Matcher matcher = WITH_PORT.matcher(text == null ? "" : text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String host = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        if (matcher.group(3) == null) {
            return Optional.of(new HostAndPort(host, defaultPort));
        }
        int port = Integer.parseInt(matcher.group(3));
        return port < 1 || port > 65535
                ? Optional.empty()
                : Optional.of(new HostAndPort(host, port));
    }

    ObjectNode toJson() {
        return JsonNodeFactory.instance.objectNode().put("host", host).put("port", port);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof HostAndPort
                && host.equals(((HostAndPort) other).host)
                && port == ((HostAndPort) other).port;
    }

    @Override
    public int hashCode() {
        return Objects.hash(host, port);
    }

    /** As in a URI; without a port the bare host. */
    @Override
    public String toString() {
        if (port == NO_PORT) {
            return host;
        }
        return (host.indexOf(':') < 0 ? host : "[" + host + "]") + ":" + port;
    }
}
