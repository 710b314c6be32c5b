package com.redis.flink.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;

/** What the counted rounds have measured: of each contender one sample a round. */
public final class Samples {

    private final Map<String, List<Map<Metric, Double>>> byContender = new LinkedHashMap<>();

    void add(Contender contender, Map<Metric, Double> measured) {
        byContender.computeIfAbsent(contender.name(), name -> new ArrayList<>()).add(measured);
    }

    /** Returns whether that was measured of a contender. */
    public boolean has(String contender, Metric metric) {
        return byContender.get(contender).get(0).containsKey(metric);
    }

    /** Returns the spread of a contender's samples. */
    public Spread of(String contender, Metric metric) {
        return Spread.of(values(contender, metric));
    }

    /** Returns how many times as much one contender has, round by round. */
    public Spread ratio(String contender, String to, Metric metric) {
        return paired(contender, to, metric, (one, other) -> one / other);
    }

    /** Returns how much more one contender has, round by round. */
    public Spread difference(String contender, String to, Metric metric) {
        return paired(contender, to, metric, (one, other) -> one - other);
    }

    private Spread paired(String contender, String to, Metric metric, DoubleBinaryOperator by) {
        double[] ones = values(contender, metric);
        double[] others = values(to, metric);
        for (int round = 0; round < ones.length; round++) {
            ones[round] = by.applyAsDouble(ones[round], others[round]);
        }
        return Spread.of(ones);
    }

    private double[] values(String contender, Metric metric) {
        List<Map<Metric, Double>> samples = byContender.get(contender);
        if (samples == null) {
            throw new IllegalArgumentException("nothing was measured of " + contender);
        }
        return samples.stream().mapToDouble(sample -> sample.get(metric)).toArray();
    }
}
