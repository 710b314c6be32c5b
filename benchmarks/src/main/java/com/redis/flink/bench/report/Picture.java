package com.redis.flink.bench.report;

import com.redis.flink.bench.Contender;
import com.redis.flink.bench.Metric;
import com.redis.flink.bench.Spread;

import java.io.StringWriter;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/**
 * A report as an SVG: a panel for each metric, a bar for each contender, and on each bar a line
 * from the least to the most of what was measured.
 *
 * <p>Chart libraries ask AWT how wide a text is, and a JDK without a display has no fonts to say
 * so. Here nothing depends on the width of a text.
 */
public final class Picture {

    private static final Map<Contender.Kind, String> COLOURS =
            Map.of(
                    Contender.Kind.OURS, "#1f6fb2",
                    Contender.Kind.WIRE, "#9aa0a6",
                    Contender.Kind.REFERENCE, "#e08a2e");
    private static final Map<Contender.Kind, String> NAMES =
            Map.of(
                    Contender.Kind.OURS, "this connector",
                    Contender.Kind.WIRE, "the wire",
                    Contender.Kind.REFERENCE, "Jedis reference");

    private static final int WIDTH = 1000;
    private static final int LABELS = 220;
    private static final int HEAD = 66;
    private static final int ROW = 24;
    private static final int BAR = 14;
    private static final int VALUE = 52;
    private static final int FOOT = 12;

    private final Report report;
    private final StringWriter text = new StringWriter();
    private final XMLStreamWriter svg;

    private Picture(Report report) throws XMLStreamException {
        this.report = report;
        svg = XMLOutputFactory.newFactory().createXMLStreamWriter(text);
    }

    /** Draws a report. */
    public static String of(Report report) {
        try {
            Picture picture = new Picture(report);
            picture.draw();
            return picture.text.toString();
        } catch (XMLStreamException e) {
            throw new IllegalStateException("the picture cannot be written", e);
        }
    }

    private void draw() throws XMLStreamException {
        int height = HEAD + ROW * report.rows().size() + FOOT;
        svg.writeStartElement("svg");
        svg.writeDefaultNamespace("http://www.w3.org/2000/svg");
        attributes("viewBox", "0 0 " + WIDTH + " " + height, "font-family", "sans-serif");
        attributes("width", "" + WIDTH, "height", "" + height, "font-size", "12");
        rectangle(0, 0, WIDTH, height, "#ffffff");
        text(12, 22, "start", "./dev bench " + report.benchmark(), "font-weight", "bold");
        legend();
        for (int row = 0; row < report.rows().size(); row++) {
            text(LABELS - 10, top(row) + 11, "end", report.rows().get(row).name);
        }
        List<Metric> metrics = report.metrics();
        int panel = (WIDTH - LABELS) / metrics.size();
        for (int column = 0; column < metrics.size(); column++) {
            panel(metrics.get(column), LABELS + column * panel, panel - VALUE);
        }
        svg.writeEndElement();
        svg.writeCharacters("\n");
        svg.flush();
    }

    private void legend() throws XMLStreamException {
        int x = LABELS;
        for (Contender.Kind kind : Contender.Kind.values()) {
            if (report.rows().stream().anyMatch(row -> row.kind == kind)) {
                rectangle(x, 12, 12, 12, COLOURS.get(kind));
                text(x + 18, 22, "start", NAMES.get(kind));
                x += 140;
            }
        }
        text(x + 18, 22, "start", "median, and from the least to the most", "fill", "#5f6368");
    }

    private void panel(Metric metric, int left, int width) throws XMLStreamException {
        text(left, HEAD - 14, "start", metric.label(), "fill", "#5f6368", "font-size", "11");
        double most =
                report.rows().stream()
                        .filter(row -> row.values.containsKey(metric))
                        .mapToDouble(row -> row.values.get(metric).most())
                        .max()
                        .orElse(1);
        double unit = most > 0 ? width / most : 0;
        line(left, HEAD - 4, left, HEAD + ROW * report.rows().size(), "#bdc1c6");
        for (int row = 0; row < report.rows().size(); row++) {
            Spread value = report.rows().get(row).values.get(metric);
            if (value == null) {
                continue;
            }
            int top = top(row);
            double bar = Math.max(value.median(), 0) * unit;
            rectangle(left, top, bar, BAR, COLOURS.get(report.rows().get(row).kind));
            double middle = top + BAR / 2.0;
            double to = left + Math.max(value.most(), 0) * unit;
            line(left + Math.max(value.least(), 0) * unit, middle, to, middle, "#202124");
            text(to + 5, top + 11, "start", Spread.text(value.median()));
        }
    }

    private static int top(int row) {
        return HEAD + row * ROW + (ROW - BAR) / 2;
    }

    private void rectangle(double x, double y, double width, double height, String colour)
            throws XMLStreamException {
        svg.writeCharacters("\n");
        svg.writeEmptyElement("rect");
        attributes("x", number(x), "y", number(y), "width", number(width));
        attributes("height", number(height), "fill", colour);
    }

    private void line(double x1, double y1, double x2, double y2, String colour)
            throws XMLStreamException {
        svg.writeCharacters("\n");
        svg.writeEmptyElement("line");
        attributes("x1", number(x1), "y1", number(y1), "x2", number(x2), "y2", number(y2));
        attributes("stroke", colour);
    }

    private void text(double x, double y, String anchor, String words, String... more)
            throws XMLStreamException {
        svg.writeCharacters("\n");
        svg.writeStartElement("text");
        attributes("x", number(x), "y", number(y), "text-anchor", anchor);
        attributes(more);
        svg.writeCharacters(words);
        svg.writeEndElement();
    }

    private void attributes(String... namesAndValues) throws XMLStreamException {
        for (int i = 0; i < namesAndValues.length; i += 2) {
            svg.writeAttribute(namesAndValues[i], namesAndValues[i + 1]);
        }
    }

    private static String number(double number) {
        return String.format(Locale.ROOT, "%.1f", number);
    }
}
