package com.redis.flink.deployments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.redis.flink.testing.Directories;
import com.redis.flink.testing.Processes;
import com.redis.flink.testing.RedisServer;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;

import redis.clients.jedis.Jedis;
import redis.clients.jedis.StreamEntryID;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import javax.xml.parsers.DocumentBuilderFactory;

/** What is published, in builds that know the connector by its coordinates only. */
@Timeout(value = 10, unit = TimeUnit.MINUTES) // Maven fetches Flink, once for each machine
class PublishedConnectorIT {

    private static final Duration LIMIT = Duration.ofMinutes(9);
    private static final Path REPOSITORY = Path.of(System.getProperty("connector.repository"));
    private static final String FLINK = System.getProperty("flink.version");
    private static final String CONNECTOR = System.getProperty("connector");
    private static final String GROUP = CONNECTOR.split(":")[0];
    private static final String NAME = CONNECTOR.split(":")[1];
    private static final String VERSION = CONNECTOR.split(":")[2];

    /** Maven's own copies of what it has fetched. */
    private static final Path MAVEN = Path.of(System.getProperty("consumers.maven.repository"));

    @TempDir private Path project;

    @BeforeAll
    static void forgetTheConnectorOfEarlierRuns() {
        Path earlier = folderIn(MAVEN);
        if (Files.exists(earlier)) {
            Directories.delete(earlier);
        }
    }

    @Test
    void aGradleBuildRunsAJobWithIt() throws IOException {
        greets(
                port ->
                        List.of(
                                System.getProperty("gradle.home") + "/bin/gradle",
                                "--quiet",
                                "--project-dir=" + project,
                                "-Prepository=" + REPOSITORY.toUri(),
                                "-Pconnector=" + CONNECTOR,
                                "-PflinkVersion=" + FLINK,
                                "-PredisPort=" + port,
                                "run"));
    }

    @ParameterizedTest
    @MethodSource("flinksAndJavas")
    void aMavenBuildRunsAJobWithIt(String flink, String java) throws IOException {
        greets(port -> maven(port, flink, java));
    }

    /** Each Flink and each Java once: those that {@code ./dev test} names, or else this one's. */
    static List<Arguments> flinksAndJavas() {
        String[] flinks = System.getProperty("connector.flink.versions").split(",");
        String[] homes =
                System.getenv()
                        .getOrDefault(
                                "FLINK_REDIS_TEST_JAVA_HOMES", System.getProperty("java.home"))
                        .split(File.pathSeparator);
        return IntStream.range(0, Math.max(flinks.length, homes.length))
                .mapToObj(
                        i ->
                                Arguments.of(
                                        flinks[i % flinks.length],
                                        homes[i % homes.length] + "/bin/java"))
                .collect(Collectors.toList());
    }

    /** Not with the name of a class that is missing. */
    @Test
    void theJarOfTheOtherFlinkSaysSo() throws IOException {
        boolean isFlink1 = FLINK.startsWith("1.");
        copy(Path.of(System.getProperty("consumers")), project);
        assertThatThrownBy(
                        () ->
                                Processes.run(
                                        LIMIT, maven("1", isFlink1 ? "2.2.0" : "1.20.3", "java")))
                .hasMessageContaining(
                        isFlink1
                                ? "is for Flink 1, but the job runs with Flink 2: use the version"
                                        + " that ends with -2.2"
                                : "is for Flink 2, but the job runs with Flink 1: use the version"
                                        + " that ends with -1.20");
    }

    private List<String> maven(String port, String flink, String java) {
        return List.of(
                "mvn",
                "--quiet",
                "--batch-mode",
                "--file=" + project.resolve("pom.xml"),
                "-Dmaven.repo.local=" + MAVEN,
                "-Drepository=" + REPOSITORY.toUri(),
                "-Dconnector.group=" + GROUP,
                "-Dconnector.name=" + NAME,
                "-Dconnector.version=" + VERSION,
                "-Dflink.version=" + flink,
                "-Dredis.port=" + port,
                "-Djava=" + java,
                "compile",
                "exec:exec");
    }

    /** Flink is there already where a job runs; Jackson is not. */
    @Test
    void itsPomNamesJacksonAndNothingOfFlink() throws Exception {
        Element pom =
                DocumentBuilderFactory.newInstance()
                        .newDocumentBuilder()
                        .parse(file(".pom").toFile())
                        .getDocumentElement();
        assertThat(pom.getElementsByTagName("dependency").getLength()).isEqualTo(1);
        Element jackson = (Element) pom.getElementsByTagName("dependency").item(0);
        assertThat(text(jackson, "artifactId")).isEqualTo("jackson-databind");
        assertThat(text(jackson, "scope")).isEqualTo("compile");
        // Maven Central takes no POM without them.
        for (String required : List.of("description", "url", "licenses", "developers", "scm")) {
            assertThat(pom.getElementsByTagName(required).getLength()).as(required).isPositive();
        }
    }

    @Test
    void sourcesAndDocumentationAreBesideIt() throws IOException {
        String builder = "com/redis/flink/source/partitioned/RedisSourceBuilder";
        assertThat(entries(".jar"))
                .contains(
                        builder + ".class",
                        "META-INF/LICENSE",
                        "META-INF/sbom/" + NAME + ".cdx.json");
        assertThat(entries("-sources.jar"))
                .contains(builder + ".java", "com/redis/flink/sink/SinkBase.java");
        Set<String> documented = entries("-javadoc.jar");
        assertThat(documented).contains(builder + ".html", "META-INF/NOTICE");
        assertThat(documented).noneMatch(name -> name.startsWith("com/redis/flink/bridge/"));
        assertThat(file("-cyclonedx.json")).isRegularFile();
    }

    /** Runs the project in a folder of its own, with what it asks of the port of a Redis. */
    private void greets(Function<String, List<String>> command) throws IOException {
        copy(Path.of(System.getProperty("consumers")), project);
        // With an argument of its own the server is the test's: the job's topic has a fixed name.
        try (RedisServer redis = RedisServer.start("--databases", "1");
                Jedis jedis = redis.jedis()) {
            Processes.run(LIMIT, command.apply(Integer.toString(redis.port())));
            for (String stream : List.of("greetings:0", "copies:0")) {
                assertThat(jedis.xrange(stream, (StreamEntryID) null, null))
                        .as(stream)
                        .extracting(entry -> entry.getFields().get("data"))
                        .containsExactly("{\"to\":\"Ann\"}", "{\"to\":\"Bob\"}", "{\"to\":\"Cy\"}");
            }
        }
    }

    private static void copy(Path from, Path to) throws IOException {
        List<Path> all = new ArrayList<>();
        try (Stream<Path> paths = Files.walk(from)) {
            paths.forEach(all::add);
        }
        for (Path path : all) {
            Path copy = to.resolve(from.relativize(path).toString());
            if (Files.isDirectory(path)) {
                Files.createDirectories(copy);
            } else {
                Files.copy(path, copy);
            }
        }
    }

    private static Set<String> entries(String ending) throws IOException {
        try (JarFile jar = new JarFile(file(ending).toFile())) {
            return jar.stream().map(entry -> entry.getName()).collect(Collectors.toSet());
        }
    }

    private static Path file(String ending) {
        return folderIn(REPOSITORY).resolve(VERSION).resolve(NAME + "-" + VERSION + ending);
    }

    private static Path folderIn(Path repository) {
        return repository.resolve(GROUP.replace('.', '/')).resolve(NAME);
    }

    private static String text(Element parent, String name) {
        return parent.getElementsByTagName(name).item(0).getTextContent();
    }
}
