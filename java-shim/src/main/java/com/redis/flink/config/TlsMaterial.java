package com.redis.flink.config;

import com.redis.flink.config.tls.FileOrContent;
import com.redis.flink.config.tls.Identity;
import com.redis.flink.config.tls.Pem;
import com.redis.flink.config.tls.PemKey;

import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.JsonNodeFactory;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;

/**
 * Certificates and key in the one form that the engine knows: PEM, the key not encrypted. Read
 * where it is needed, at every connect, and kept by nobody; so it neither travels nor is it shown.
 */
final class TlsMaterial {

    private final String ca;
    private final Identity identity;

    private TlsMaterial(String ca, Identity identity) {
        this.ca = ca;
        this.identity = identity;
    }

    /**
     * Reads everything.
     *
     * @throws IOException naming option, file and remedy
     */
    static TlsMaterial read(TlsOptions options) throws IOException {
        String ca =
                options.mtls != null && !options.mtls.trustStore.store.isEmpty()
                        ? options.mtls.trustStore.trusted()
                        : authorities(options.authorities());
        return new TlsMaterial(ca, options.mtls == null ? Identity.NONE : identity(options.mtls));
    }

    /**
     * Reads contents, which are the same everywhere, to find out here and now what is wrong.
     *
     * @throws IllegalArgumentException naming option and remedy
     */
    static void check(TlsOptions options) {
        try {
            read(options);
        } catch (IOException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private static String authorities(FileOrContent ca) throws IOException {
        return ca.isEmpty() ? "" : Pem.certificates(ca);
    }

    private static Identity identity(MtlsParameters mtls) throws IOException {
        return mtls.keyStore.store.isEmpty()
                ? new Identity(
                        Pem.certificates(mtls.certificates),
                        PemKey.read(mtls.key, mtls.keyPassword))
                : mtls.keyStore.identity(mtls.keyAlias, mtls.keyPassword);
    }

    /** As the engine reads it (docs/architecture.md): what is empty is left out. */
    ObjectNode toJson() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        if (!ca.isEmpty()) {
            json.put("ca", ca);
        }
        if (!identity.key().isEmpty()) {
            json.put("certificates", identity.certificates()).put("key", identity.key());
        }
        return json;
    }
}
