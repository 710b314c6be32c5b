package com.redis.flink.config;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;

/**
 * Gives user and password when they change while a job runs, for example tokens of a cloud's
 * identity service. Asked on the job manager and on the task managers, before every attempt to
 * connect; connections that are there are kept.
 *
 * <p>Travels with the job, so it must be serializable. Several threads may ask at once. While one
 * waits for the answer its reader, writer or committer stands still.
 */
@PublicEvolving
@FunctionalInterface
public interface CredentialsProvider extends Serializable {

    /**
     * Returns what to authenticate with now; not null.
     *
     * @throws Exception fails the job; so retry here what may pass. Its message gets into the log
     */
    Credentials get() throws Exception;
}
