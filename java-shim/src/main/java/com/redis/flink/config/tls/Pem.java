package com.redis.flink.config.tls;

import org.apache.flink.annotation.Internal;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The text form of certificates and keys (RFC 7468). What is between the blocks is left out. */
@Internal
public final class Pem {

    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \\1-----", Pattern.DOTALL);
    private static final Base64.Encoder ENCODER =
            Base64.getMimeEncoder(64, "\n".getBytes(StandardCharsets.US_ASCII));

    /** For example {@code CERTIFICATE}. */
    final String label;

    private final String body;

    private Pem(String label, String body) {
        this.label = label;
        this.body = body;
    }

    static List<Pem> blocks(String text) {
        List<Pem> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(text);
        while (matcher.find()) {
            blocks.add(new Pem(matcher.group(1), matcher.group(2)));
        }
        return blocks;
    }

    /** Returns all certificates, at least one. */
    public static String certificates(FileOrContent source) throws IOException {
        StringBuilder certificates = new StringBuilder();
        int count = 0;
        for (Pem block : blocks(source.readText())) {
            if (block.label.equals("CERTIFICATE")) {
                count++;
                byte[] certificate = block.der(source);
                try {
                    CertificateFactory.getInstance("X.509")
                            .generateCertificate(new ByteArrayInputStream(certificate));
                } catch (CertificateException e) {
                    throw source.wrong("certificate " + count + " in it is none, or is damaged");
                }
                certificates.append(encode(block.label, certificate));
            }
        }
        if (count == 0) {
            throw source.wrong(
                    "it has no certificate in PEM form (-----BEGIN CERTIFICATE-----); openssl x509"
                            + " converts other forms");
        }
        return certificates.toString();
    }

    public static String encode(String label, byte[] der) {
        return "-----BEGIN "
                + label
                + "-----\n"
                + ENCODER.encodeToString(der)
                + "\n-----END "
                + label
                + "-----\n";
    }

    /**
     * Returns whether it is of OpenSSL's old form, in which the header says how it is encrypted.
     */
    boolean hasHeader() {
        return body.contains("Proc-Type:");
    }

    byte[] der(FileOrContent source) throws IOException {
        try {
            return Base64.getDecoder().decode(body.replaceAll("\\s", ""));
        } catch (IllegalArgumentException e) {
            throw source.wrong("its block " + label + " is damaged");
        }
    }
}
