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
 *
 * <p>Where Jackson is in Flink's {@code lib/}, {@code new ObjectMapper()} keeps types of the job in
 * a static cache, and with them all of the job's classes when it has ended. {@code
 * mapper.setTypeFactory(mapper.getTypeFactory().withModifier(null))} gives it a cache of its own; a
 * serializer or deserializer without a supplier has one.
 */
@PublicEvolving
@FunctionalInterface
public interface ObjectMapperSupplier extends Supplier<ObjectMapper>, Serializable {}
