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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
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
                .contains("in " + first + ": ")
                .contains("is the folder mounted noexec?");
    }

    @Test
    void tellsThatTheFirstFolderIsAFile() throws IOException {
        Path file = Files.createFile(first.resolve("file"));

        Path folder = loader(List.of(file, second), path -> {}, "1.0").load("1.0");

        assertThat(folder).isEqualTo(second);
        assertThat(warned).hasSize(1);
        assertThat(warned.get(0)).contains("in " + file + ": ").contains("it is a file");
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
                .hasMessageContaining("in " + first)
                .hasMessageContaining("in " + second)
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
                        List.of(first, second),
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
                        List.of(first),
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
        return loader(List.of(first, second), systemLoad, version);
    }

    private NativeLoader loader(List<Path> folders, Consumer<Path> systemLoad, String version) {
        return new NativeLoader(
                "Linux", "amd64", folders, resource(), systemLoad, () -> version, warned::add);
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
