package com.redis.flink.config;

import com.redis.flink.config.tls.FileOrContent;
import com.redis.flink.config.tls.StoreOptions;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.Objects;

/**
 * What a TLS connection needs on which both sides show a certificate: the client's certificate and
 * key, and the authorities to trust. As PEM or in a Java key store (PKCS#12, JKS), each by file or
 * by content.
 *
 * <p>Files are read on the job manager and the task managers, at every connect, so that new
 * certificates need no restart. Contents travel with the job, as they are given.
 *
 * <pre>{@code
 * MtlsParameters.builder()
 *     .certificateFile("/etc/redis/client.crt")
 *     .keyFile("/etc/redis/client.key")
 *     .caFile("/etc/redis/ca.crt")
 *     .build();
 *
 * MtlsParameters.builder()
 *     .keyStore("/etc/redis/client.p12").keyStorePassword(secret)
 *     .trustStore("/etc/redis/trust.p12").trustStorePassword(secret)
 *     .build();
 * }</pre>
 */
@PublicEvolving
public final class MtlsParameters implements Serializable {

    private static final long serialVersionUID = 1L;

    final FileOrContent certificates;
    final FileOrContent key;
    final String keyPassword;
    final StoreOptions keyStore;
    final String keyAlias;
    final StoreOptions trustStore;
    private final FileOrContent ca;

    private MtlsParameters(Builder builder) {
        keyPassword = orEmpty(builder.keyPassword);
        keyAlias = orEmpty(builder.keyAlias);
        keyStore =
                new StoreOptions(
                        "keyStore",
                        builder.keyStore,
                        builder.keyStoreContent,
                        builder.keyStoreType,
                        builder.keyStorePassword);
        trustStore =
                new StoreOptions(
                        "trustStore",
                        builder.trustStore,
                        builder.trustStoreContent,
                        builder.trustStoreType,
                        builder.trustStorePassword);
        certificates =
                FileOrContent.ofText(
                        "certificateFile",
                        builder.certificateFile,
                        "certificates",
                        builder.certificates);
        key = FileOrContent.ofText("keyFile", builder.keyFile, "key", builder.key);
        ca =
                FileOrContent.ofText(
                        "caFile", builder.caFile, "caCertificates", builder.caCertificates);
        if (keyStore.store.isEmpty()) {
            if (certificates.isEmpty()) {
                OptionChecks.notBlank("certificateFile", builder.certificateFile);
            }
            if (key.isEmpty()) {
                OptionChecks.notBlank("keyFile", builder.keyFile);
            }
            if (!keyAlias.isEmpty()) {
                throw OptionChecks.invalid(
                        "keyAlias", "\"" + keyAlias + "\"", "only with option keyStore");
            }
        } else if (!certificates.isEmpty() || !key.isEmpty()) {
            FileOrContent other = certificates.isEmpty() ? key : certificates;
            throw OptionChecks.invalid(
                    keyStore.store.option(),
                    "set and option " + other.option() + " is set",
                    "one of the two");
        }
        if (!trustStore.store.isEmpty() && !ca.isEmpty()) {
            throw OptionChecks.invalid(
                    trustStore.store.option(),
                    "set and option " + ca.option() + " is set",
                    "one of the two");
        }
    }

    public static Builder builder() {
        return new Builder();
    }

    /** Returns the client's certificate, with its chain; empty: it is not in a PEM file. */
    public String getCertificateFile() {
        return certificates.file();
    }

    /** Returns the private key of the client's certificate; empty: it is not in a PEM file. */
    public String getKeyFile() {
        return key.file();
    }

    /** Returns the password that decrypts the private key; empty: it is not encrypted. */
    public String getKeyPassword() {
        return keyPassword;
    }

    /**
     * Returns the authorities that the server's certificate is checked against; empty: no PEM file.
     */
    public String getCaFile() {
        return ca.file();
    }

    /** Returns where the authorities to trust are; empty: those of the system. */
    FileOrContent authorities() {
        return trustStore.store.isEmpty() ? ca : trustStore.store;
    }

    /** Returns whether certificate and key are the same each time. */
    boolean isConstant() {
        return certificates.isConstant() && key.isConstant() && keyStore.store.isConstant();
    }

    private static String orEmpty(String value) {
        return value == null ? "" : value;
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
        return certificates.equals(that.certificates)
                && key.equals(that.key)
                && keyPassword.equals(that.keyPassword)
                && keyAlias.equals(that.keyAlias)
                && keyStore.equals(that.keyStore)
                && trustStore.equals(that.trustStore)
                && ca.equals(that.ca);
    }

    @Override
    public int hashCode() {
        return Objects.hash(certificates, key, keyStore, trustStore, ca);
    }

    /** Names where certificates are; neither contents, nor the key's file, nor a password. */
    @Override
    public String toString() {
        if (!keyStore.store.isEmpty() || !trustStore.store.isEmpty()) {
            String own = keyStore.store.isEmpty() ? certificates.toString() : keyStore.toString();
            String trusted = authorities().isEmpty() ? "" : ", " + authorities();
            return "MtlsParameters{" + own + trusted + "}";
        }
        return "MtlsParameters{certificateFile="
                + shown(certificates)
                + ", caFile="
                + shown(ca)
                + "}";
    }

    private static String shown(FileOrContent source) {
        return source.isConstant() && !source.isEmpty() ? "(content)" : source.file();
    }

    /** Takes the options as they come; {@link #build()} validates them. */
    @PublicEvolving
    public static final class Builder {

        private String certificateFile;
        private String certificates;
        private String keyFile;
        private String key;
        private String keyPassword = "";
        private String caFile = "";
        private String caCertificates = "";
        private String keyStore = "";
        private byte[] keyStoreContent = {};
        private String keyStoreType = "";
        private String keyStorePassword = "";
        private String keyAlias = "";
        private String trustStore = "";
        private byte[] trustStoreContent = {};
        private String trustStoreType = "";
        private String trustStorePassword = "";

        private Builder() {}

        /**
         * Sets the PEM file of the client's certificate, with its chain; required, unless {@link
         * #certificates} or {@link #keyStore} is set.
         */
        public Builder certificateFile(String value) {
            certificateFile = value;
            return this;
        }

        /** Sets the same by content: PEM text. */
        public Builder certificates(String value) {
            certificates = value;
            return this;
        }

        /**
         * Sets the PEM file of the certificate's private key: PKCS#8, PKCS#1 ({@code RSA}) or SEC1
         * ({@code EC}), or encrypted PKCS#8; required, unless {@link #key} or {@link #keyStore} is
         * set.
         */
        public Builder keyFile(String value) {
            keyFile = value;
            return this;
        }

        /** Sets the same by content: PEM text. Never in logs, exceptions or {@code toString}. */
        public Builder key(String value) {
            key = value;
            return this;
        }

        /**
         * Sets the password that decrypts the private key, of a PEM file or in the key store;
         * default: empty, the key is not encrypted, or in a key store has the store's password.
         */
        public Builder keyPassword(String value) {
            keyPassword = value;
            return this;
        }

        /** Sets the PEM file of the authorities to trust; default: empty, those of the system. */
        public Builder caFile(String value) {
            caFile = value;
            return this;
        }

        /** Sets the same by content: PEM text. */
        public Builder caCertificates(String value) {
            caCertificates = value;
            return this;
        }

        /**
         * Sets the key store file with the client's key and certificate chain, in the place of
         * {@link #certificateFile} and {@link #keyFile}; default: empty.
         */
        public Builder keyStore(String file) {
            keyStore = file;
            return this;
        }

        /** Sets the same by content: the file's bytes. */
        public Builder keyStore(byte[] content) {
            keyStoreContent = content;
            return this;
        }

        /** Sets the password of the key store; default: empty. */
        public Builder keyStorePassword(String value) {
            keyStorePassword = value;
            return this;
        }

        /** Sets the type of the key store; default: empty, PKCS#12 or JKS. */
        public Builder keyStoreType(String value) {
            keyStoreType = value;
            return this;
        }

        /** Sets the name of the key in the key store; default: empty, the only one. */
        public Builder keyAlias(String value) {
            keyAlias = value;
            return this;
        }

        /**
         * Sets the key store file with the certificates of the authorities to trust, in the place
         * of {@link #caFile}; default: empty.
         */
        public Builder trustStore(String file) {
            trustStore = file;
            return this;
        }

        /** Sets the same by content: the file's bytes. */
        public Builder trustStore(byte[] content) {
            trustStoreContent = content;
            return this;
        }

        /** Sets the password of the trust store; default: empty. */
        public Builder trustStorePassword(String value) {
            trustStorePassword = value;
            return this;
        }

        /** Sets the type of the trust store; default: empty, PKCS#12 or JKS. */
        public Builder trustStoreType(String value) {
            trustStoreType = value;
            return this;
        }

        /**
         * Validates the options. What is given by content is read when the config is built.
         *
         * @throws IllegalArgumentException naming the option, its value, and what is allowed
         */
        public MtlsParameters build() {
            return new MtlsParameters(this);
        }
    }
}
