package com.redis.flink.bench;

import com.redis.flink.bench.lab.Lab;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Runs contenders by turns, so that what changes on the machine meanwhile concerns all of them, and
 * what they have in one round can be compared. Every second round goes backwards: none always comes
 * behind the same one.
 */
public final class Rounds {

    private Rounds() {}

    /** Measures all contenders; a run that counted wrong ends it. */
    public static Samples measure(Lab lab, String what, List<? extends Contender> contenders)
            throws Exception {
        if (lab.effort().warmUp()) {
            for (Contender contender : contenders) {
                lab.progress(what + ", warm-up, " + contender.name());
                run(lab, contender);
            }
        }
        return measureCold(lab, what, contenders);
    }

    /** The same without a round before the first one, for contenders that start a process each. */
    public static Samples measureCold(Lab lab, String what, List<? extends Contender> contenders)
            throws Exception {
        Effort effort = lab.effort();
        Samples samples = new Samples();
        for (int round = 1; round <= effort.rounds(); round++) {
            List<Contender> order = new ArrayList<>(contenders);
            if (round % 2 == 0) {
                Collections.reverse(order);
            }
            for (Contender contender : order) {
                String where = ", round " + round + " of " + effort.rounds() + ", ";
                lab.progress(what + where + contender.name());
                samples.add(contender, run(lab, contender));
            }
        }
        return samples;
    }

    private static Map<Metric, Double> run(Lab lab, Contender contender) throws Exception {
        lab.server().clear();
        System.gc(); // what an earlier run left is not this one's
        try (Contender.Run run = contender.prepare()) {
            Spent before = Spent.untilNow(lab.server());
            run.work();
            Spent spent = Spent.untilNow(lab.server()).since(before);
            run.verify();
            return run.measured(spent);
        } catch (Exception e) {
            throw new IllegalStateException("the run of " + contender.name() + " failed", e);
        }
    }
}
