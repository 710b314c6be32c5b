package com.redis.flink.text;

import org.apache.flink.annotation.Internal;

/**
 * Shows text that comes from elsewhere in messages: keys, names, exceptions of user code.
 *
 * <p>Such text is data. It may be longer than a log line or a message between Flink's processes can
 * be, and it may hold line ends and terminal controls that would forge log lines. So it is cut, and
 * what does not print is escaped. Whole texts go only to dead letters. The engine does the same
 * ({@code foreign_text.rs}).
 */
@Internal
public final class ForeignText {
    /** Characters of a name or a key that are shown. */
    private static final int SHOWN = 200;

    /** Characters of a longer explanation that are shown. */
    private static final int SHOWN_AT_LENGTH = 4000;

    private ForeignText() {}

    /**
     * Returns a name or a key as it may be shown: at most 200 characters, and the length where it
     * is longer.
     */
    public static String shown(String text) {
        return cut(text, SHOWN);
    }

    /**
     * Returns an explanation as it may be shown: at most 4,000 characters, and the length where it
     * is longer.
     */
    public static String shownAtLength(String text) {
        return cut(text, SHOWN_AT_LENGTH);
    }

    private static String cut(String text, int limit) {
        if (text == null) {
            return "null";
        }
        StringBuilder out = new StringBuilder(Math.min(text.length(), limit) + 32);
        int at = 0;
        for (int shown = 0; at < text.length() && shown < limit; shown++) {
            int character = text.codePointAt(at);
            at += Character.charCount(character);
            append(out, character);
        }
        if (at < text.length()) {
            out.append("… (").append(text.length()).append(" characters)");
        }
        return out.toString();
    }

    private static void append(StringBuilder out, int character) {
        switch (character) {
            case '\r':
                out.append("\\r");
                break;
            case '\n':
                out.append("\\n");
                break;
            case '\t':
                out.append("\\t");
                break;
            default:
                if (isUnprintable(character)) {
                    out.append(String.format("\\u%04x", character));
                } else {
                    out.appendCodePoint(character);
                }
        }
    }

    /**
     * Controls, halves of characters, line separators, and marks that turn the direction of what
     * follows.
     */
    private static boolean isUnprintable(int character) {
        return Character.isISOControl(character)
                || character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE
                || character == 0x2028
                || character == 0x2029
                || character >= 0x202a && character <= 0x202e
                || character >= 0x2066 && character <= 0x2069;
    }
}
