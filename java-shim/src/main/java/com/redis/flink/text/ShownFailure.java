package com.redis.flink.text;

import org.apache.flink.annotation.Internal;

/**
 * Stands in for an exception of user code whose text may not be shown as it is: it quotes an entry
 * at any length, or holds line ends that would forge log lines. Prints as that exception does, cut
 * and escaped, with the same stack trace and causes.
 */
@Internal
public final class ShownFailure extends Exception {

    private static final long serialVersionUID = 1L;

    /** Causes that are looked at; exceptions may be chained in a circle. */
    private static final int MAX_CAUSES = 20;

    private ShownFailure(Throwable original, Throwable cause) {
        super(text(original), cause);
        setStackTrace(original.getStackTrace());
    }

    /** Returns the failure itself where it may be shown with all its causes, else a stand-in. */
    public static Throwable of(Throwable failure) {
        int causes = 0;
        boolean asItIs = true;
        for (Throwable at = failure; at != null && causes < MAX_CAUSES; at = at.getCause()) {
            asItIs &= string(at).equals(text(at)) && at.getSuppressed().length == 0;
            causes++;
        }
        return asItIs && causes < MAX_CAUSES ? failure : standIn(failure, causes);
    }

    private static Throwable standIn(Throwable failure, int left) {
        return left == 0 ? null : new ShownFailure(failure, standIn(failure.getCause(), left - 1));
    }

    /** Returns what a message or a dead letter says of a failure. Must not fail, whatever it is. */
    public static String text(Throwable failure) {
        return ForeignText.shownAtLength(string(failure));
    }

    private static String string(Throwable failure) {
        try {
            return failure.toString();
        } catch (RuntimeException | StackOverflowError e) {
            return failure.getClass().getName();
        }
    }

    @Override
    public String toString() {
        return getMessage();
    }
}
