package com.redis.flink.testing;

import com.redis.flink.config.ConnectionConfigBuilder;
import com.redis.flink.config.MtlsParameters;

import redis.clients.jedis.DefaultJedisClientConfig;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

/** How a server's port is secured, with the certificates of {@link Certificates}. */
public enum Security {
    PLAIN,
    TLS,
    /** TLS, and clients show a certificate, too. */
    MTLS;

    /** A busy machine's server sometimes takes longer than the 2 seconds that Jedis waits. */
    private static final Duration ANSWER_TIMEOUT = Duration.ofSeconds(60);

    /** The server's arguments. */
    List<String> arguments(int port) {
        if (this == PLAIN) {
            return List.of("--port", Integer.toString(port));
        }
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("--port", "0", "--tls-port", Integer.toString(port)));
        arguments.addAll(List.of("--tls-ca-cert-file", Certificates.ca().toString()));
        arguments.addAll(
                List.of(
                        "--tls-cert-file",
                        Certificates.certificate(Certificates.SERVER).toString(),
                        "--tls-key-file",
                        Certificates.key(Certificates.SERVER).toString()));
        arguments.addAll(List.of("--tls-auth-clients", this == MTLS ? "yes" : "no"));
        arguments.addAll(List.of("--tls-replication", "yes"));
        return arguments;
    }

    /** Tells a job's config what the servers ask for; files are read by the job. */
    <B extends ConnectionConfigBuilder<B>> B connect(B config) {
        switch (this) {
            case TLS:
                return config.useTls(true).caFile(Certificates.ca().toString());
            case MTLS:
                return config.mtlsParameters(
                        MtlsParameters.builder()
                                .certificateFile(
                                        Certificates.certificate(Certificates.CLIENT).toString())
                                .keyFile(Certificates.key(Certificates.CLIENT).toString())
                                .caFile(Certificates.ca().toString())
                                .build());
            default:
                return config;
        }
    }

    /** For clients of the test's own, which show the client's certificate. */
    DefaultJedisClientConfig.Builder client() {
        return client(Certificates.CLIENT);
    }

    /**
     * For clients that show a certificate of {@link Certificates}.
     *
     * @param identity whose; empty: they show none
     */
    DefaultJedisClientConfig.Builder client(String identity) {
        DefaultJedisClientConfig.Builder client =
                DefaultJedisClientConfig.builder()
                        .socketTimeoutMillis((int) ANSWER_TIMEOUT.toMillis());
        if (this == PLAIN) {
            return client;
        }
        SSLParameters checked = new SSLParameters();
        checked.setEndpointIdentificationAlgorithm("HTTPS"); // the server's name
        return client.ssl(true)
                .sslParameters(checked)
                .sslSocketFactory(Tls.context(identity).getSocketFactory());
    }

    private static final class Tls {

        static SSLContext context(String identity) {
            try {
                KeyManager[] shown = new KeyManager[0];
                if (!identity.isEmpty()) {
                    KeyManagerFactory keys =
                            KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
                    keys.init(
                            load(Certificates.keyStore(identity)),
                            Certificates.PASSWORD.toCharArray());
                    shown = keys.getKeyManagers();
                }
                TrustManagerFactory trust =
                        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
                trust.init(load(Certificates.trustStore()));
                SSLContext context = SSLContext.getInstance("TLS");
                context.init(shown, trust.getTrustManagers(), null);
                return context;
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException(e);
            }
        }

        private static KeyStore load(Path file) throws GeneralSecurityException {
            KeyStore store = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(file)) {
                store.load(in, Certificates.PASSWORD.toCharArray());
                return store;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
