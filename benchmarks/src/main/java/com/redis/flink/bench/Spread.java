package com.redis.flink.bench;

import java.util.Arrays;
import java.util.Locale;

/** Some values of the same thing: the median, the least and the most. */
public final class Spread {

    private final double[] sorted;

    private Spread(double[] sorted) {
        this.sorted = sorted;
    }

    /** Returns the spread of one value or more. */
    public static Spread of(double... values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a spread needs a value");
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return new Spread(sorted);
    }

    public double median() {
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    public double least() {
        return sorted[0];
    }

    public double most() {
        return sorted[sorted.length - 1];
    }

    /** Returns {@code median (least to most)}. */
    @Override
    public String toString() {
        return sorted.length == 1
                ? text(median())
                : text(median()) + " (" + text(least()) + " to " + text(most()) + ")";
    }

    /** Returns a number with as many digits as it is worth: 1234, 56.7, 8.90, 0.012. */
    public static String text(double number) {
        double size = Math.abs(number);
        int digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.0995 || size == 0 ? 2 : 3;
        return String.format(Locale.ROOT, "%." + digits + "f", number);
    }
}
