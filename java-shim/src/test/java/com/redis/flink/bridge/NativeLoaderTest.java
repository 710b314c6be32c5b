package com.redis.flink.bridge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

class NativeLoaderTest {

    private static final byte[] LIBRARY = {1, 2, 3};

    @TempDir private Path first;
    @TempDir private Path second;

    private final List<String> asked = new ArrayList<>();
    private final List<Path> loaded = new ArrayList<>();
    private final List<String> warned = new ArrayList<>();

    @Test
    void loadsAPrivateCopyAndDeletesIt() throws IOException {
        Path folder =
                loader(
                                path -> {
                                    loaded.add(path);
                                    assertThat(path).hasBinaryContent(LIBRARY);
                                    assertThat(permissions(path.getParent()))
                                            .isEqualTo("rwx------");
                                },
                                "1.0")
                        .load("1.0");

        assertThat(folder).isEqualTo(first);
        assertThat(asked).containsExactly("native/linux-x86_64/libflink_redis.so");
        assertThat(loaded).hasSize(1);
        assertThat(warned).isEmpty();
        assertThat(loaded.get(0).getParent().getParent()).isEqualTo(first);
        assertThat(first).isEmptyDirectory();
    }

    @Test
    void goesOnToAFolderThatMayBeExecutedFrom() throws IOException {
        Path folder = loader(this::refuseFirst, "1.0").load("1.0");

        assertThat(folder).isEqualTo(second);
        assertThat(first).isEmptyDirectory();
        assertThat(second).isEmptyDirectory();
        assertThat(warned).hasSize(1);
        assertThat(warned.get(0))
                .contains("loaded from " + second)
                .contains("in " + first + " (option one): ")
                .contains("is the folder mounted noexec?")
                .contains("Set the system property flink.redis.native.dir to a folder that may");
    }

    @Test
    void makesAFolderThatIsNotThere() throws IOException {
        Path absent = first.resolve("not/there");

        assertThat(loader(absent, path -> {}).load("1.0")).isEqualTo(absent);
        assertThat(absent).isEmptyDirectory();
        assertThat(warned).isEmpty();
    }

    @Test
    void tellsThatTheFirstFolderIsAFile() throws IOException {
        Path file = Files.createFile(first.resolve("file"));

        assertThat(loader(file, path -> {}).load("1.0")).isEqualTo(second);
        assertThat(warned).hasSize(1);
        assertThat(warned.get(0))
                .contains("in " + file + " (option one): ")
                .contains("it is a file, not a folder");
    }

    @Test
    void tellsThatTheFirstFolderIsTooSmall() throws IOException {
        NativeLoader loader =
                new NativeLoader(
                        "Linux",
                        "amd64",
                        named(first, second),
                        name -> asked.size() == 0 ? full(name) : resource().apply(name),
                        path -> {},
                        () -> "1.0",
                        warned::add);

        assertThat(loader.load("1.0")).isEqualTo(second);
        assertThat(warned.get(0))
                .contains("in " + first + " (option one): ")
                .contains("No space left on device (it must have room for the library");
        assertThat(first).isEmptyDirectory();
    }

    @Test
    void tellsThatTheFirstFolderIsSomebodyElses() throws IOException {
        Consumer<Path> notOurs =
                path -> {
                    if (path.startsWith(first)) {
                        throw sneaky(new AccessDeniedException(path.toString()));
                    }
                };

        assertThat(loader(first, notOurs).load("1.0")).isEqualTo(second);
        assertThat(warned.get(0))
                .contains("in " + first + " (option one): ")
                .contains("this process may not write there");
    }

    /** What the copy meets on a full disk. */
    private InputStream full(String name) {
        asked.add(name);
        return new InputStream() {
            @Override
            public int read() throws IOException {
                throw new IOException("No space left on device");
            }
        };
    }

    /** The copy is made before; root, who runs tests in containers, may write everywhere. */
    @SuppressWarnings("unchecked")
    private static <E extends Exception> RuntimeException sneaky(Exception e) throws E {
        throw (E) e;
    }

    @Test
    void refusesToBeMovedToAnotherPackage() throws IOException {
        NativeLibrary.refuseOtherPackage("com.redis.flink.bridge.NativeLibrary");
        assertThatThrownBy(
                        () ->
                                NativeLibrary.refuseOtherPackage(
                                        "shop.shaded.com.redis.flink.bridge.NativeLibrary"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("is shop.shaded.com.redis.flink.bridge.NativeLibrary")
                .hasMessageContaining("Do not relocate (shade) com.redis.flink;");
    }

    @Test
    void saysWhatWasTriedAndKeepsTheLastCause() {
        NativeLoader loader =
                loader(
                        path -> {
                            throw new UnsatisfiedLinkError(
                                    path.getFileName()
                                            + ": failed to map segment from shared object");
                        },
                        "1.0");

        assertThatThrownBy(() -> loader.load("1.0"))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("native/linux-x86_64/libflink_redis.so could not be loaded")
                .hasMessageContaining("in " + first + " (option one): ")
                .hasMessageContaining("in " + second + " (option two): ")
                .hasMessageContaining("is the folder mounted noexec?")
                .hasMessageContaining("flink.redis.native.dir")
                .hasCauseInstanceOf(UnsatisfiedLinkError.class);
    }

    @ParameterizedTest
    @CsvSource({
        "/lib64/libc.so.6: version `GLIBC_2.34' not found,C library of this machine is too old",
        "Error loading shared library ld-linux-x86-64.so.2: No such file,not musl"
    })
    void explainsTheLibc(String linkerSays, String explained) {
        NativeLoader loader =
                loader(
                        path -> {
                            throw new UnsatisfiedLinkError(linkerSays);
                        },
                        "1.0");

        assertThatThrownBy(() -> loader.load("1.0"))
                .hasMessageContaining(linkerSays)
                .hasMessageContaining(explained);
    }

    @Test
    void namesAPlatformThatTheJarDoesNotHave() {
        NativeLoader loader =
                new NativeLoader(
                        "Linux",
                        "riscv64",
                        named(first, second),
                        name -> null,
                        p -> {},
                        () -> "1.0",
                        warned::add);

        assertThatThrownBy(() -> loader.load("1.0"))
                .hasMessage(
                        "The platform linux-riscv64 is not supported: this jar has no"
                            + " native/linux-riscv64/libflink_redis.so. Take a jar that was built"
                            + " for it, or build one (./dev build).");
    }

    @Test
    void refusesALibraryOfAnotherVersion() {
        assertThatThrownBy(() -> loader(path -> {}, "0.9").load("1.0"))
                .hasMessageContaining("has version 0.9 but this jar has version 1.0");
        assertThat(first).isEmptyDirectory();
    }

    @Test
    void refusesALibraryThatDoesNotAnswer() {
        NativeLoader loader =
                new NativeLoader(
                        "Linux",
                        "amd64",
                        Map.of(first, "option one"),
                        resource(),
                        path -> {},
                        () -> {
                            throw new UnsatisfiedLinkError("nativeVersion");
                        },
                        warned::add);

        assertThatThrownBy(() -> loader.load("1.0"))
                .hasMessageContaining("was loaded but is not the native engine: nativeVersion");
    }

    private NativeLoader loader(Consumer<Path> systemLoad, String version) {
        return loader(first, systemLoad, version);
    }

    private NativeLoader loader(Path before, Consumer<Path> systemLoad) {
        return loader(before, systemLoad, "1.0");
    }

    private NativeLoader loader(Path before, Consumer<Path> systemLoad, String version) {
        return new NativeLoader(
                "Linux",
                "amd64",
                named(before, second),
                resource(),
                systemLoad,
                () -> version,
                warned::add);
    }

    private static Map<Path, String> named(Path one, Path two) {
        Map<Path, String> folders = new LinkedHashMap<>();
        folders.put(one, "option one");
        folders.put(two, "option two");
        return folders;
    }

    private Function<String, InputStream> resource() {
        return name -> {
            asked.add(name);
            return new ByteArrayInputStream(LIBRARY);
        };
    }

    private void refuseFirst(Path path) {
        if (path.startsWith(first)) {
            throw new UnsatisfiedLinkError("failed to map segment from shared object");
        }
    }

    private static String permissions(Path folder) {
        try {
            return PosixFilePermissions.toString(Files.getPosixFilePermissions(folder));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
