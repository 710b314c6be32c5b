package com.redis.flink.source.partitioned;

import com.redis.flink.config.OptionChecks;
import com.redis.flink.wire.EntryId;

/**
 * Checks an option that is an entry ID. Jobs pass texts or objects of their Redis client, which we
 * do not depend on: what counts is {@code toString()}, and only that is kept.
 */
final class EntryIdOption {

    private static final String END = "$";
    private static final String ALLOWED =
            "\"$\" (behind the last entry), \"0\", \"<milliseconds>\" or"
                    + " \"<milliseconds>-<sequence>\", or an object that prints as one of these";

    private EntryIdOption() {}

    /** Returns the first entry ID of a range: of a millisecond alone its first one. */
    static String first(String name, Object value) {
        return check(name, value);
    }

    /**
     * Returns the last entry ID of a range: of a millisecond alone its last one, as in {@code
     * XRANGE}.
     */
    static String last(String name, Object value) {
        String text = check(name, value);
        return text.equals(END) || text.indexOf('-') >= 0
                ? text
                : EntryId.of(EntryId.parse(text).milliseconds(), -1L).toString();
    }

    private static String check(String name, Object value) {
        String text = OptionChecks.required(name, value).toString();
        if (END.equals(text)) {
            return text;
        }
        try {
            EntryId.parse(text);
            return text;
        } catch (NumberFormatException | NullPointerException e) {
            throw OptionChecks.invalid(name, "\"" + text + "\"", ALLOWED);
        }
    }
}
