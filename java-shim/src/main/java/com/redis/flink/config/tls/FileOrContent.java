package com.redis.flink.config.tls;

import com.redis.flink.config.OptionChecks;

import org.apache.flink.annotation.Internal;

import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/**
 * Certificates, a key or a store, as the user gives them: a file, which is read again each time and
 * so may change, or the content itself. Never shows the content.
 */
@Internal
public final class FileOrContent implements Serializable {

    private static final long serialVersionUID = 1L;

    private final String fileOption;
    private final String contentOption;
    private final String file;
    private final byte[] content;

    private FileOrContent(String fileOption, String file, String contentOption, byte[] content) {
        this.fileOption = fileOption;
        this.file = file == null ? "" : file;
        this.contentOption = contentOption;
        this.content = content == null ? new byte[0] : content.clone();
        if (!this.file.isEmpty() && this.content.length > 0) {
            throw OptionChecks.invalid(
                    fileOption,
                    "\"" + file + "\" and the content is given too (option " + contentOption + ")",
                    "one of the two");
        }
    }

    public static FileOrContent of(
            String fileOption, String file, String contentOption, byte[] content) {
        return new FileOrContent(fileOption, file, contentOption, content);
    }

    public static FileOrContent ofText(
            String fileOption, String file, String contentOption, String content) {
        byte[] bytes = content == null ? null : content.getBytes(StandardCharsets.UTF_8);
        return new FileOrContent(fileOption, file, contentOption, bytes);
    }

    public boolean isEmpty() {
        return file.isEmpty() && content.length == 0;
    }

    /** Returns whether it is the same each time. */
    public boolean isConstant() {
        return file.isEmpty();
    }

    /** Returns the option that the user has set, or could set. */
    public String option() {
        return content.length > 0 ? contentOption : fileOption;
    }

    /** Returns the path; empty: there is no file. */
    public String file() {
        return file;
    }

    /** Reads it. The message of the exception names option, file and remedy. */
    byte[] read() throws IOException {
        if (isConstant()) {
            return content;
        }
        try {
            return Files.readAllBytes(Path.of(file));
        } catch (NoSuchFileException e) {
            throw unreadable("there is no such file", e);
        } catch (AccessDeniedException e) {
            throw unreadable("access is denied", e);
        } catch (IOException | RuntimeException e) {
            throw unreadable(e.toString(), e);
        }
    }

    /**
     * Returns the content as text. PEM is ASCII; any other bytes shall be found out by who parses
     * it.
     */
    String readText() throws IOException {
        return new String(read(), StandardCharsets.ISO_8859_1);
    }

    /**
     * Returns the exception that says what is wrong with it, in one sentence that does not quote
     * it.
     */
    IOException wrong(String reason) {
        return new IOException("option " + this + ": " + reason);
    }

    private IOException unreadable(String reason, Exception cause) {
        return new IOException(
                wrong(
                                "it can't be read ("
                                        + reason
                                        + "); it must be readable on the job manager and on"
                                        + " every task manager, or give its content with"
                                        + " option "
                                        + contentOption)
                        .getMessage(),
                cause);
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof FileOrContent)) {
            return false;
        }
        FileOrContent that = (FileOrContent) other;
        return file.equals(that.file) && Arrays.equals(content, that.content);
    }

    @Override
    public int hashCode() {
        return Objects.hash(file);
    }

    /** Returns the option, and the file if it is one. */
    @Override
    public String toString() {
        return file.isEmpty() ? option() : option() + " \"" + file + "\"";
    }
}
