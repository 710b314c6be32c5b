package com.redis.flink.config;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.apache.flink.annotation.PublicEvolving;

import java.io.Serializable;
import java.util.function.Supplier;

/**
 * Makes the Jackson mapper that a serializer or deserializer works with. Called once in every task,
 * as a mapper itself does not travel well; so it has to be serializable, which a lambda without a
 * captured mapper is.
 *
 * <p>Where the job's jar relocates Jackson, give a class that implements this: maven-shade rewrites
 * classes, but not how a lambda or a method reference is serialized, and the job then fails with
 * "Invalid lambda deserialization".
 */
@PublicEvolving
@FunctionalInterface
public interface ObjectMapperSupplier extends Supplier<ObjectMapper>, Serializable {}
