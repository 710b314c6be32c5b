package com.redis.flink.config;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What option uri says, in one of the forms of {@link ConnectionConfigBuilder#uri}. Parsed here and
 * not by {@code java.net.URI}, which knows one server only and whose messages show the password. No
 * message of this class shows any part of a URI but its scheme: whatever is misplaced in it may be
 * a secret.
 */
final class RedisUri {

    /** Of a config without a URI: says nothing. */
    static final RedisUri NONE = new RedisUri("");

    /** Scheme, user information, servers, path, query, fragment. */
    private static final Pattern FORM =
            Pattern.compile(
                    "([A-Za-z][A-Za-z-]*)://(?:([^@/?#]*)@)?([^@/?#]*)(/[^?#]*)?"
                            + "(?:\\?([^@#]*))?(?:#([^@]*))?");

    private static final String FORMS =
            "redis://[user[:password]@]host[:port][/database], rediss://… (TLS),"
                    + " redis-sentinel://[user:password@]host[:port],…[/database]#master (or"
                    + " ?sentinelMasterId=master), rediss-sentinel://… (TLS),"
                    + " redis-socket:///path[?database=number] or unix:///path[?database=number]";

    private final String scheme;

    /** One, or several Sentinels, or none for a socket. */
    final List<HostAndPort> servers = new ArrayList<>();

    final String unixSocket;
    final String user;
    final String password;

    /** Null: not said. */
    final Integer database;

    final String sentinelMaster;

    private RedisUri(String scheme) {
        this.scheme = scheme;
        unixSocket = "";
        user = "";
        password = "";
        database = null;
        sentinelMaster = "";
    }

    private RedisUri(Matcher uri) {
        scheme = uri.group(1).toLowerCase(Locale.ROOT);
        if (!Set.of("redis", "rediss", "redis-sentinel", "rediss-sentinel", "redis-socket", "unix")
                .contains(scheme)) {
            throw wrong("its scheme is none of these");
        }
        String userInfo = orEmpty(uri.group(2));
        int colon = userInfo.indexOf(':');
        user = decode("user", colon < 0 ? userInfo : userInfo.substring(0, colon));
        password = colon < 0 ? "" : decode("password", userInfo.substring(colon + 1));

        String path = decode("path", orEmpty(uri.group(4)));
        String parameter = parameter(orEmpty(uri.group(5)));
        unixSocket = isSocket() ? path : "";
        database = number(isSocket() ? parameter : path.substring(Math.min(1, path.length())));
        sentinelMaster = master(isSocket() ? "" : parameter, orEmpty(uri.group(6)));
        addServers(uri.group(3));
    }

    /** Returns the URI, if it is not empty. */
    static RedisUri parse(String text) {
        if (text.isEmpty()) {
            return NONE;
        }
        Matcher matcher = FORM.matcher(text);
        if (!matcher.matches()) {
            int end = text.indexOf("://");
            boolean hasScheme = end > 0 && text.substring(0, end).matches("[A-Za-z-]+");
            throw new RedisUri(hasScheme ? text.substring(0, end) : "")
                    .wrong(
                            "in user and password, percent-encode what is special in a URI: @ is"
                                    + " %40, / is %2F, ? is %3F, # is %23, % is %25");
        }
        return new RedisUri(matcher);
    }

    boolean isTls() {
        return scheme.startsWith("rediss");
    }

    boolean isSentinel() {
        return scheme.endsWith("-sentinel");
    }

    /**
     * Returns the options that this URI says; a URI always says which server it is, and if by TLS.
     */
    Set<String> options() {
        Set<String> options = new TreeSet<>();
        if (scheme.isEmpty()) {
            return options;
        }
        options.addAll(List.of("host", "port", "unixSocket", "sentinels", "useTls"));
        if (!user.isEmpty()) {
            options.add("user");
        }
        if (!password.isEmpty()) {
            options.add("password");
        }
        if (database != null) {
            options.add("database");
        }
        if (!sentinelMaster.isEmpty()) {
            options.add("sentinelMaster");
        }
        return options;
    }

    /** Returns the scheme only: the rest is, or may be, secret. */
    @Override
    public String toString() {
        return "\"" + (scheme.isEmpty() ? "" : scheme + "://") + "…\"";
    }

    private boolean isSocket() {
        return scheme.equals("redis-socket") || scheme.equals("unix");
    }

    private void addServers(String authority) {
        if (isSocket()) {
            if (!authority.isEmpty() || unixSocket.length() < 2) {
                throw wrong("the path of a socket begins behind three slashes");
            }
            return;
        }
        int defaultPort =
                isSentinel()
                        ? ConnectionOptions.DEFAULT_SENTINEL_PORT
                        : ConnectionOptions.DEFAULT_PORT;
        for (String part : decode("host", authority).split(",", -1)) {
            servers.add(
                    HostAndPort.parse(part, defaultPort)
                            .orElseThrow(
                                    () ->
                                            wrong(
                                                    "each server is host or host:port, with a port"
                                                        + " from 1 to 65535 and an IPv6 address in"
                                                        + " brackets")));
        }
        if (servers.size() > 1 && !isSentinel()) {
            throw wrong(
                    "only Sentinels may be several; further nodes of a cluster are option"
                            + " clusterNodes");
        }
    }

    /** The value of the one parameter that there may be. */
    private String parameter(String query) {
        String name = isSentinel() ? "sentinelMasterId=" : isSocket() ? "database=" : "";
        if (query.isEmpty()) {
            return "";
        }
        if (name.isEmpty() || !query.startsWith(name) || query.contains("&")) {
            throw wrong("there is no other parameter than these");
        }
        return decode("parameter", query.substring(name.length()));
    }

    private String master(String parameter, String fragment) {
        String name = decode("master", fragment);
        if (!isSentinel() && !name.isEmpty()) {
            throw wrong("only with Sentinels something may follow behind #");
        }
        if (!name.isEmpty() && !parameter.isEmpty() && !name.equals(parameter)) {
            throw wrong("it names two masters");
        }
        return name.isEmpty() ? parameter : name;
    }

    /** Null: there is none. */
    private Integer number(String text) {
        if (text.isEmpty()) {
            return null;
        }
        if (!text.matches("\\d{1,9}")) {
            throw wrong("the database is a number");
        }
        return Integer.valueOf(text);
    }

    private String decode(String part, String text) {
        if (text.indexOf('\0') >= 0 || text.contains("%00")) {
            throw wrong("in the " + part + ", no character may be NUL (%00)");
        }
        try {
            // A plus is a plus in a URI; the decoder is made for forms.
            return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            // Its message quotes the text.
            throw wrong("in the " + part + ", % is not followed by two hexadecimal digits");
        }
    }

    private IllegalArgumentException wrong(String reason) {
        return OptionChecks.invalid("uri", this, FORMS + "; " + reason);
    }

    private static String orEmpty(String text) {
        return text == null ? "" : text;
    }
}
