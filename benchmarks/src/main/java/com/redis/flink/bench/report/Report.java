package com.redis.flink.bench.report;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Samples;
import com.redis.flink.bench.Spread;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** What a benchmark has found: what each contender did, and the figures that compare them. */
public final class Report {

    private static final ObjectMapper JSON = new ObjectMapper();

    private final String benchmark;
    private final String setting;
    private final List<Metric> metrics;
    private final List<Row> rows = new ArrayList<>();
    private final Map<String, Map<String, Spread>> figures = new LinkedHashMap<>();
    private final List<String> notes = new ArrayList<>();

    /** One contender at one subject. */
    static final class Row {

        final String name;
        final Contender.Kind kind;
        final Map<Metric, Spread> values = new EnumMap<>(Metric.class);

        Row(String name, Contender.Kind kind) {
            this.name = name;
            this.kind = kind;
        }
    }

    /**
     * @param setting in a sentence, what was done
     * @param metrics of each contender
     */
    public Report(String benchmark, String setting, Metric... metrics) {
        this.benchmark = benchmark;
        this.setting = setting;
        this.metrics = List.of(metrics);
    }

    /** Adds what contenders did. */
    public void add(List<? extends Contender> contenders, Samples samples) {
        for (Contender contender : contenders) {
            Row row = new Row(contender.name(), contender.kind());
            metrics.stream()
                    .filter(metric -> samples.has(contender.name(), metric))
                    .forEach(m -> row.values.put(m, samples.of(contender.name(), m)));
            rows.add(row);
        }
    }

    /**
     * Adds a figure.
     *
     * @param subject what it is a figure of, without spaces
     * @param key its name, without spaces
     */
    public void figure(String subject, String key, Spread value) {
        figures.computeIfAbsent(subject, s -> new LinkedHashMap<>()).put(key, value);
    }

    /** Adds what the reader has to know besides, such as what could not be measured. */
    public void note(String sentence) {
        notes.add(sentence);
    }

    public String benchmark() {
        return benchmark;
    }

    String setting() {
        return setting;
    }

    List<Metric> metrics() {
        return metrics;
    }

    List<Row> rows() {
        return rows;
    }

    List<String> notes() {
        return notes;
    }

    /** Returns a line for each subject: {@code read NOACK: wire 0.91 reference-cpu 0.24}. */
    public List<String> lines() {
        return figures.entrySet().stream()
                .map(
                        subject ->
                                benchmark
                                        + " "
                                        + subject.getKey()
                                        + ":"
                                        + subject.getValue().entrySet().stream()
                                                .map(figure -> text(figure))
                                                .collect(Collectors.joining()))
                .collect(Collectors.toList());
    }

    private static String text(Map.Entry<String, Spread> figure) {
        return " " + figure.getKey() + " " + Spread.text(figure.getValue().median());
    }

    /** Returns both tables, as Markdown. */
    public String tables() {
        Table measured = new Table("measured");
        metrics.forEach(metric -> measured.column(metric.label()));
        for (Row row : rows) {
            List<String> cells = new ArrayList<>(List.of(row.name));
            metrics.forEach(metric -> cells.add(text(row.values.get(metric))));
            measured.row(cells);
        }
        Set<String> keys = new LinkedHashSet<>();
        figures.values().forEach(figure -> keys.addAll(figure.keySet()));
        Table compared = new Table("compared");
        keys.forEach(compared::column);
        figures.forEach(
                (subject, figure) -> {
                    List<String> cells = new ArrayList<>(List.of("`" + subject + "`"));
                    keys.forEach(
                            key -> cells.add(figure.containsKey(key) ? "" + figure.get(key) : ""));
                    compared.row(cells);
                });
        return measured + "\n" + compared;
    }

    private static String text(Spread value) {
        return value == null ? "" : value.toString();
    }

    /** Returns everything for machines to read. */
    public ObjectNode json() {
        ObjectNode json = JSON.createObjectNode();
        json.put("benchmark", benchmark).put("setting", setting);
        var measured = json.putArray("measured");
        for (Row row : rows) {
            ObjectNode contender = measured.addObject();
            contender.put("name", row.name).put("kind", row.kind.name());
            row.values.forEach((metric, spread) -> put(contender, metric.label(), spread));
        }
        ObjectNode subjects = json.putObject("figures");
        figures.forEach(
                (subject, figure) -> {
                    ObjectNode keys = subjects.putObject(subject);
                    figure.forEach((key, spread) -> put(keys, key, spread));
                });
        var sentences = json.putArray("notes");
        notes.forEach(sentences::add);
        return json;
    }

    private static void put(ObjectNode to, String name, Spread spread) {
        to.putObject(name)
                .put("median", spread.median())
                .put("least", spread.least())
                .put("most", spread.most());
    }
}
