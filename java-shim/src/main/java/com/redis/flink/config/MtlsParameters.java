package com.redis.flink.config;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.Objects;

/**
 * The files of a TLS connection on which both sides show a certificate. All are PEM files that
 * every task manager can read at the same path.
 *
 * <pre>{@code
 * MtlsParameters.builder()
 *     .certificateFile("/etc/redis/client.crt")
 *     .keyFile("/etc/redis/client.key")
 *     .caFile("/etc/redis/ca.crt")
 *     .build();
 * }</pre>
 */
@PublicEvolving
public final class MtlsParameters implements Serializable {

    private static final long serialVersionUID = 1L;

    private final String certificateFile;
    private final String keyFile;
    private final String keyPassword;
    private final String caFile;

    private MtlsParameters(Builder builder) {
        certificateFile = Options.notBlank("certificateFile", builder.certificateFile);
        keyFile = Options.notBlank("keyFile", builder.keyFile);
        keyPassword = builder.keyPassword == null ? "" : builder.keyPassword;
        caFile = builder.caFile == null ? "" : builder.caFile;
    }

    public static Builder builder() {
        return new Builder();
    }

    /** The client's certificate, with its chain. */
    public String getCertificateFile() {
        return certificateFile;
    }

    /** The private key of the client's certificate. */
    public String getKeyFile() {
        return keyFile;
    }

    /** What decrypts the private key; empty: it is not encrypted. */
    public String getKeyPassword() {
        return keyPassword;
    }

    /** The authorities that the server's certificate is checked against; empty: the system's. */
    public String getCaFile() {
        return caFile;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof MtlsParameters)) {
            return false;
        }
        MtlsParameters that = (MtlsParameters) other;
        return certificateFile.equals(that.certificateFile)
                && keyFile.equals(that.keyFile)
                && keyPassword.equals(that.keyPassword)
                && caFile.equals(that.caFile);
    }

    @Override
    public int hashCode() {
        return Objects.hash(certificateFile, keyFile, caFile);
    }

    /** Names the certificates; neither the key's file nor its password. */
    @Override
    public String toString() {
        return "MtlsParameters{certificateFile=" + certificateFile + ", caFile=" + caFile + "}";
    }

    /** Takes the options as they come; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder {

        private String certificateFile;
        private String keyFile;
        private String keyPassword = "";
        private String caFile = "";

        private Builder() {}

        /** PEM file of the client's certificate, with its chain; required. */
        public Builder certificateFile(String value) {
            certificateFile = value;
            return this;
        }

        /** PEM file of the certificate's private key; required. */
        public Builder keyFile(String value) {
            keyFile = value;
            return this;
        }

        /** What decrypts the private key; default: empty, the key is not encrypted. */
        public Builder keyPassword(String value) {
            keyPassword = value;
            return this;
        }

        /** PEM file of the authorities to trust; default: empty, those of the system. */
        public Builder caFile(String value) {
            caFile = value;
            return this;
        }

        /**
         * Validates the options.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public MtlsParameters build() {
            return new MtlsParameters(this);
        }
    }
}
