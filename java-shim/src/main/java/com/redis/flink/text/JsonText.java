package com.redis.flink.text;

import org.apache.flink.annotation.Internal;

/**
 * Walks over a JSON text as RFC 8259 has it, with no limits to its size and depth, and makes
 * nothing of it. (A parser of Jackson has limits, which depend on the version, and turns numbers
 * into what they may not be in the text.)
 *
 * <p>All that reads ahead throws an {@link IllegalArgumentException} where the text is no JSON.
 */
@Internal
public final class JsonText {

    /** Redis' parser ends at 128 levels. */
    private static final int CERTAIN_DEPTH = 100;

    /** A number of so many characters, with an exponent of two digits, is finite as a double. */
    private static final int CERTAIN_NUMBER = 200;

    private static final int CERTAIN_EXPONENT = 2;

    private final String text;
    private int at;

    /** Whether parsers that know this grammar agree on all that was skipped. */
    private boolean certain = true;

    public JsonText(String text) {
        this.text = text;
    }

    /**
     * Returns whether RedisJSON is certain to take a document: it is JSON, and not so deep, nor has
     * such numbers and escapes, that parsers differ on it. Where it is false RedisJSON may take it
     * all the same.
     */
    public static boolean isCertain(String document) {
        try {
            JsonText text = new JsonText(document);
            text.skipValue();
            return text.certain && text.isAtEnd();
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    /** Returns whether nothing but white space follows. */
    public boolean isAtEnd() {
        skipSpace();
        return at == text.length();
    }

    /** Returns the index of the next character that is no white space. */
    public int position() {
        skipSpace();
        return at;
    }

    /** Takes a character, if it is the next one that is no white space. */
    public boolean take(char character) {
        boolean taken = comes(character);
        at += taken ? 1 : 0;
        return taken;
    }

    /** Returns whether a character is the next one that is no white space. */
    public boolean comes(char character) {
        skipSpace();
        return at < text.length() && text.charAt(at) == character;
    }

    /** Takes a character that must come. */
    public void require(char character) {
        if (!take(character)) {
            throw wrong();
        }
    }

    /** Reads a string. */
    public String readString() {
        int from = position() + 1;
        if (!skipString()) {
            return text.substring(from, at - 1);
        }
        StringBuilder string = new StringBuilder(at - from);
        for (int i = from; i < at - 1; i++) {
            char character = text.charAt(i);
            if (character != '\\') {
                string.append(character);
                continue;
            }
            character = text.charAt(++i);
            int control = "bfnrt".indexOf(character);
            if (control >= 0) {
                string.append("\b\f\n\r\t".charAt(control));
            } else if (character == 'u') {
                string.append((char) Integer.parseInt(text.substring(i + 1, i + 5), 16));
                i += 4;
            } else {
                string.append(character);
            }
        }
        return string.toString();
    }

    /** Skips a value, with all that is in it; returns the index behind it. */
    public int skipValue() {
        StringBuilder open = new StringBuilder();
        do {
            if (take('{')) {
                open.append('}');
                if (!comes('}')) {
                    skipName();
                    continue;
                }
            } else if (take('[')) {
                open.append(']');
                if (!comes(']')) {
                    continue;
                }
            } else {
                skipScalar();
                if (goesOn(open)) {
                    continue;
                }
            }
            certain &= open.length() <= CERTAIN_DEPTH;
            while (open.length() > 0) {
                require(open.charAt(open.length() - 1));
                open.setLength(open.length() - 1);
                if (goesOn(open)) {
                    break;
                }
            }
        } while (open.length() > 0);
        return at;
    }

    /** Behind a value: skips what leads to the next one of the innermost object or array. */
    private boolean goesOn(StringBuilder open) {
        if (open.length() == 0 || !take(',')) {
            return false;
        }
        if (open.charAt(open.length() - 1) == '}') {
            skipName();
        }
        return true;
    }

    private void skipName() {
        skipString();
        require(':');
    }

    private void skipScalar() {
        if (comes('"')) {
            skipString();
        } else if (!skipWord("true") && !skipWord("false") && !skipWord("null")) {
            skipNumber();
        }
    }

    private boolean skipWord(String word) {
        boolean comes = text.startsWith(word, at);
        at += comes ? word.length() : 0;
        return comes;
    }

    /** Returns whether there are escapes in it. */
    private boolean skipString() {
        require('"');
        boolean escapes = false;
        while (true) {
            char character = next();
            if (character == '"') {
                return escapes;
            }
            if (character < ' ') {
                throw wrong();
            }
            if (character == '\\') {
                escapes = true;
                skipEscape();
            }
        }
    }

    private void skipEscape() {
        char escape = next();
        if (escape != 'u') {
            if ("\"\\/bfnrt".indexOf(escape) < 0) {
                throw wrong();
            }
            return;
        }
        int character = 0;
        for (int i = 0; i < 4; i++) {
            char digit = next();
            if (digit > 'f' || Character.digit(digit, 16) < 0) {
                throw wrong();
            }
            character = character << 4 | Character.digit(digit, 16);
        }
        // Half of a character; that the other half follows is not looked at.
        certain &= !Character.isSurrogate((char) character);
    }

    private void skipNumber() {
        int from = at;
        skipIf("-");
        if (!skipIf("0")) {
            skipDigits();
        }
        if (skipIf(".")) {
            skipDigits();
        }
        if (skipIf("eE")) {
            skipIf("+-");
            int digits = at;
            skipDigits();
            certain &= at - digits <= CERTAIN_EXPONENT;
        }
        certain &= at - from <= CERTAIN_NUMBER;
    }

    private boolean skipIf(String characters) {
        boolean comes = at < text.length() && characters.indexOf(text.charAt(at)) >= 0;
        at += comes ? 1 : 0;
        return comes;
    }

    private void skipDigits() {
        int from = at;
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at == from) {
            throw wrong();
        }
    }

    private void skipSpace() {
        while (at < text.length() && isSpace(text.charAt(at))) {
            at++;
        }
    }

    private static boolean isSpace(char character) {
        return character == ' ' || character == '\n' || character == '\r' || character == '\t';
    }

    private char next() {
        if (at == text.length()) {
            throw wrong();
        }
        return text.charAt(at++);
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON from index " + at + " on");
    }
}
