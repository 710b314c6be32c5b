package com.redis.flink.sink.writer;

/** What dead letters and traces say of records and errors. Must not fail, whatever they are. */
final class DeadLetterTexts {

    /** How many characters of a rejected record, and of its error, are kept. */
    static final int MAX_CHARS = 16 * 1024;

    private DeadLetterTexts() {}

    static String error(Throwable e) {
        String message;
        try {
            message = e.getMessage();
        } catch (RuntimeException | StackOverflowError again) {
            message = null;
        }
        return message == null || message.isEmpty()
                ? e.getClass().getName()
                : e.getClass().getSimpleName() + ": " + message;
    }

    static String record(Object record) {
        try {
            return String.valueOf(record);
        } catch (RuntimeException | StackOverflowError e) {
            return "(its toString() failed: " + error(e) + ")";
        }
    }

    static String shorten(String text) {
        if (text == null) {
            return "null";
        }
        if (text.length() <= MAX_CHARS) {
            return text;
        }
        // Not between the two halves of a character.
        int end = Character.isHighSurrogate(text.charAt(MAX_CHARS - 1)) ? MAX_CHARS - 1 : MAX_CHARS;
        return text.substring(0, end) + "… (" + text.length() + " characters)";
    }
}
