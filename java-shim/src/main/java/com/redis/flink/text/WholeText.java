package com.redis.flink.text;

import org.apache.flink.annotation.Internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Makes UTF-8 of text, and refuses text that has none: half of a character (a surrogate without the
 * other one). The JDK writes a question mark in its place, so two keys would become one.
 */
@Internal
public final class WholeText {

    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final long ONES = 0x0101010101010101L;
    private static final long TOP_BITS = 0x8080808080808080L;

    private WholeText() {}

    /**
     * Returns the text as UTF-8.
     *
     * @throws IllegalArgumentException it has half of a character
     */
    public static byte[] utf8(String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        // Looking at each character would cost more than the JDK's encoder takes.
        if (hasQuestionMark(utf8)) {
            require(text);
        }
        return utf8;
    }

    /**
     * Checks a text.
     *
     * @throws IllegalArgumentException it has half of a character
     */
    public static void require(String text) {
        int at = half(text, 0);
        if (at >= 0) {
            throw new IllegalArgumentException(
                    "the text \""
                            + ForeignText.shown(text)
                            + "\" has half of a character at index "
                            + at
                            + ", which UTF-8 cannot hold; correct the text");
        }
    }

    /** Returns the text with each half of a character as its escape in Java. */
    public static String escaped(String text) {
        int at = half(text, 0);
        if (at < 0) {
            return text;
        }
        StringBuilder whole = new StringBuilder(text.length() + 16);
        int from = 0;
        for (; at >= 0; at = half(text, from)) {
            whole.append(text, from, at).append("\\u").append(Integer.toHexString(text.charAt(at)));
            from = at + 1;
        }
        return whole.append(text, from, text.length()).toString();
    }

    /** Where the first half of a character is, from an index on; -1: there is none. */
    private static int half(String text, int from) {
        for (int at = from; at < text.length(); at++) {
            if (Character.isSurrogate(text.charAt(at))) {
                if (!Character.isSupplementaryCodePoint(text.codePointAt(at))) {
                    return at;
                }
                at++;
            }
        }
        return -1;
    }

    /** Eight bytes at a time: a byte of {@code x} is 0 where the text has a question mark. */
    private static boolean hasQuestionMark(byte[] utf8) {
        int at = 0;
        for (; at <= utf8.length - Long.BYTES; at += Long.BYTES) {
            long x = (long) LONG.get(utf8, at) ^ '?' * ONES;
            if ((x - ONES & ~x & TOP_BITS) != 0) {
                return true;
            }
        }
        for (; at < utf8.length; at++) {
            if (utf8[at] == '?') {
                return true;
            }
        }
        return false;
    }
}
