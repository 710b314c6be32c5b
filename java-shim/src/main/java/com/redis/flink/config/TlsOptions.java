package com.redis.flink.config;

import com.redis.flink.config.tls.FileOrContent;

import java.io.Serializable;
import java.util.Objects;

/** Whether the connection is encrypted, whom it trusts, and what the client shows. */
final class TlsOptions implements Serializable {

    private static final long serialVersionUID = 1L;

    final boolean enabled;

    /** Empty: the system's authorities, or those of {@link #mtls}. */
    final FileOrContent ca;

    /** Null: the client shows no certificate. */
    final MtlsParameters mtls;

    TlsOptions(ConnectionConfigBuilder<?> builder, RedisUri uri) {
        mtls = builder.mtlsParameters;
        ca =
                FileOrContent.ofText(
                        "caFile", builder.caFile, "caCertificates", builder.caCertificates);
        boolean certificates = mtls != null || !ca.isEmpty();
        String cause = mtls != null ? "mtlsParameters" : ca.option();
        if (certificates && uri.options().contains("useTls") && !uri.isTls()) {
            throw OptionChecks.invalid(
                    "uri",
                    uri + " and option " + cause + " is set",
                    "rediss:// or rediss-sentinel:// with certificates");
        }
        if (certificates && builder.given.contains("useTls") && !builder.useTls) {
            throw OptionChecks.invalid(
                    "useTls", "false and option " + cause + " is set", "true with certificates");
        }
        if (mtls != null && !ca.isEmpty() && !mtls.authorities().isEmpty()) {
            throw OptionChecks.invalid(
                    ca.option(),
                    ca + " and option mtlsParameters has its own " + mtls.authorities().option(),
                    "one of the two");
        }
        enabled = builder.useTls || uri.isTls() || certificates;
        if (isConstant()) {
            TlsMaterial.check(this);
        }
    }

    /** Returns the authorities to trust; empty: the system's. */
    FileOrContent authorities() {
        return mtls == null || !ca.isEmpty() ? ca : mtls.authorities();
    }

    /** Returns whether nothing is in files, which may change. */
    boolean isConstant() {
        return authorities().isConstant() && (mtls == null || mtls.isConstant());
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof TlsOptions)) {
            return false;
        }
        TlsOptions that = (TlsOptions) other;
        return enabled == that.enabled && ca.equals(that.ca) && Objects.equals(mtls, that.mtls);
    }

    @Override
    public int hashCode() {
        return Objects.hash(enabled, ca, mtls);
    }

    @Override
    public String toString() {
        return "TlsOptions{enabled=" + enabled + ", ca=" + ca + ", mtls=" + mtls + "}";
    }
}
