package com.redis.flink.config;

import com.redis.flink.text.ForeignText;

import org.apache.flink.annotation.Internal;

import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Checks of option values, used by every builder, so that all of them fail the same way: an {@link
 * IllegalArgumentException} that names the option, the value, and what is allowed.
 *
 * <p>No check here is for secrets: the value becomes part of the message.
 */
@Internal
public final class OptionChecks {

    private OptionChecks() {}

    /** Gives back a value that must be set (any non-null value will do). */
    public static <T> T required(String name, T value) {
        if (value == null) {
            throw missing(name, "any value but null");
        }
        return value;
    }

    /** Gives back a value that must be set; {@code allowed} says how. */
    public static <T> T required(String name, T value, String allowed) {
        if (value == null) {
            throw missing(name, allowed);
        }
        return value;
    }

    /** Gives back a text that must be set and must hold more than white space. */
    public static String notBlank(String name, String value) {
        if (value == null) {
            throw missing(name, "a text that is not blank");
        }
        if (value.isBlank()) {
            throw invalid(name, "\"" + value + "\"", "a text that is not blank");
        }
        return textOrEmpty(name, value);
    }

    /**
     * Gives back a text that may be left out: null becomes empty. No name that is meant has NUL, or
     * half of a character, which UTF-8 cannot hold.
     */
    public static String textOrEmpty(String name, String value) {
        if (value == null) {
            return "";
        }
        if (value.indexOf('\0') >= 0) {
            throw invalid(
                    name,
                    "\"" + ForeignText.shown(value) + "\"",
                    "a text without the character NUL (\\u0000)");
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(value)) {
            throw invalid(
                    name,
                    "\"" + ForeignText.shown(value) + "\"",
                    "a text without half of a character (a surrogate without the other one)");
        }
        return value;
    }

    /**
     * Gives back the name of a dead-letter stream, which may be left out, and must not be one of
     * the topic's own: letters would be read, or be written, as messages.
     */
    public static String deadLetterStream(
            String name, String value, String topicName, int numPartitions) {
        String stream = textOrEmpty(name, value);
        for (int partition = 0; partition < numPartitions; partition++) {
            if (stream.equals(topicName + ":" + partition)) {
                throw invalid(
                        name,
                        "\"" + stream + "\"",
                        "a stream that is no partition of option topicName \"" + topicName + "\"");
            }
        }
        return stream;
    }

    /** Gives back a number that must not be lower than {@code min}. */
    public static int atLeast(String name, int value, int min) {
        atLeast(name, (long) value, min);
        return value;
    }

    /** Gives back a number that must not be lower than {@code min}. */
    public static long atLeast(String name, long value, long min) {
        if (value < min) {
            throw invalid(name, value, min + " or more");
        }
        return value;
    }

    /** Gives back a number that must be set and must not be lower than {@code min}. */
    public static int requiredAtLeast(String name, Integer value, int min) {
        if (value == null) {
            throw missing(name, min + " or more");
        }
        return atLeast(name, value.intValue(), min);
    }

    /** Gives back a number that must lie between {@code min} and {@code max}, both allowed. */
    public static int between(String name, int value, int min, int max) {
        if (value < min || value > max) {
            throw invalid(name, value, min + " to " + max);
        }
        return value;
    }

    /** Gives back a TCP port that a client can connect to. */
    public static int port(String name, int value) {
        return between(name, value, 1, 65535);
    }

    /**
     * Gives back a name that Redis accepts for a connection: {@code CLIENT SETNAME} takes no
     * blanks, line breaks or other special characters.
     */
    public static String clientName(String name, String value) {
        notBlank(name, value);
        if (!value.chars().allMatch(OptionChecks::isPrintable)) {
            throw invalid(
                    name, "\"" + value + "\"", "ASCII letters, digits and punctuation, no blanks");
        }
        return value;
    }

    /** Makes a name that {@link #clientName} accepts: what Redis forbids becomes an underscore. */
    public static String toClientName(String text) {
        StringBuilder name = new StringBuilder(text.length());
        text.chars().forEach(c -> name.append(isPrintable(c) ? (char) c : '_'));
        return name.toString();
    }

    /**
     * Returns the exception for a value that is not allowed, or not together with that of another
     * option.
     */
    public static IllegalArgumentException invalid(String name, Object value, String allowed) {
        return new IllegalArgumentException(
                String.format(Locale.ROOT, "Option %s is %s; allowed: %s", name, value, allowed));
    }

    private static IllegalArgumentException missing(String name, String allowed) {
        return new IllegalArgumentException(
                String.format(
                        Locale.ROOT,
                        "Option %s is required but not set; allowed: %s",
                        name,
                        allowed));
    }

    private static boolean isPrintable(int c) {
        return c >= '!' && c <= '~';
    }
}
