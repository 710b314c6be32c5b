package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.redis.flink.source.partitioned.RedisSource;
import com.redis.flink.testing.Processes;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** What the connector's jar says and shows of the native library in it. */
class NativeLibraryTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Pattern LINKED = Pattern.compile("([a-z0-9_-]+) v([0-9.]+)( .*)?");

    @Test
    void itsJarNamesTheLicenceOfEachCrateInIt() throws IOException {
        String licences = resource("META-INF/licenses/native-library.txt");
        List<String> rows =
                licences.lines()
                        .filter(line -> line.matches("\\S+ \\| [0-9.]+ \\| .+ \\| .+"))
                        .collect(Collectors.toList());
        assertThat(
                        rows.stream()
                                .map(row -> row.replaceFirst(" \\| ", " ").split(" \\| ")[0])
                                .collect(Collectors.toSet()))
                .isEqualTo(Set.copyOf(linkedCrates()));
        for (String row : rows) {
            for (String text : row.substring(row.lastIndexOf('|') + 2).split(", ")) {
                if (text.equals("META-INF/LICENSE")) {
                    assertThat(row).contains("Apache-2.0");
                } else {
                    assertThat(licences).contains("\n" + "=".repeat(40) + " text " + text + "\n\n");
                }
            }
        }
        assertThat(licences).contains("Copyright (c) Tokio Contributors");
    }

    @Test
    void itsBillOfMaterialsNamesThemToo() throws IOException {
        String name = System.getProperty("connector").split(":")[1];
        JsonNode bom = new ObjectMapper().readTree(resource("META-INF/sbom/" + name + ".cdx.json"));
        assertThat(bom.path("bomFormat").asText()).isEqualTo("CycloneDX");
        Set<String> crates = new HashSet<>();
        for (JsonNode component : bom.path("components")) {
            String purl = component.path("purl").asText();
            assertThat(component.path("licenses").path(0).path("expression").asText())
                    .as(purl)
                    .isNotEmpty()
                    .doesNotContain("/");
            if (purl.startsWith("pkg:cargo/")) {
                crates.add(purl.substring("pkg:cargo/".length()).replace('@', ' '));
            }
        }
        assertThat(crates).isEqualTo(Set.copyOf(linkedCrates()));
    }

    @Test
    void itDoesNotNameTheFoldersOfWhoBuiltIt() throws IOException {
        String arch = System.getProperty("os.arch").replace("amd64", "x86_64");
        String library = resource("native/linux-" + arch + "/libflink_redis.so");
        assertThat(library.contains("/cargo/registry/")).isTrue(); // so we look in the right place
        for (String folder :
                List.of(
                        System.getProperty("user.home") + "/",
                        "/root/",
                        "/home/",
                        Path.of("..").toRealPath() + "/")) {
            assertThat(library.contains(folder)).as(folder).isFalse();
        }
    }

    /** As cargo says it, which has built the library. */
    private static List<String> linkedCrates() {
        String arch = System.getProperty("os.arch").replace("amd64", "x86_64");
        String tree =
                Processes.run(
                        LIMIT,
                        List.of(
                                "cargo",
                                "tree",
                                "--quiet",
                                "--package=flink-redis-jni",
                                "--edges=normal,no-proc-macro",
                                "--prefix=none",
                                "--target=" + arch + "-unknown-linux-gnu"));
        return tree.lines()
                .map(LINKED::matcher)
                .filter(crate -> crate.matches() && !crate.group(1).startsWith("flink-redis"))
                .map(crate -> crate.group(1) + " " + crate.group(2))
                .distinct()
                .collect(Collectors.toList());
    }

    private static String resource(String name) throws IOException {
        ClassLoader ours = RedisSource.class.getClassLoader();
        try (InputStream in = ours.getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
        }
    }
}
