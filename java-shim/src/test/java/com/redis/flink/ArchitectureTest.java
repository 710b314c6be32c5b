package com.redis.flink;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.methods;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;

import org.apache.flink.annotation.Experimental;
import org.apache.flink.annotation.Internal;
import org.apache.flink.annotation.Public;
import org.apache.flink.annotation.PublicEvolving;
import org.junit.jupiter.api.Test;

import java.lang.annotation.Annotation;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** The rules that Flink's own connectors keep: what is API says so, and needs only API. */
class ArchitectureTest {

    private static final JavaClasses OURS =
            new ClassFileImporter()
                    .withImportOption(new ImportOption.DoNotIncludeTests())
                    .importPackages("com.redis.flink");

    private static final List<Class<? extends Annotation>> API =
            List.of(Public.class, PublicEvolving.class, Experimental.class);

    /** What Flink calls internal, and is needed all the same. */
    private static final Set<String> TOLERATED =
            Set.of(
                    // Flink's own connectors use these two as well.
                    "org.apache.flink.api.common.typeutils.base.TypeSerializerSingleton",
                    "org.apache.flink.api.connector.sink2.InitContext",
                    // Where Flink keeps its temporary files: the native library goes there.
                    "org.apache.flink.configuration.ConfigurationUtils",
                    // Whether a job's input ends: then there must be a last checkpoint.
                    "org.apache.flink.api.dag.Transformation",
                    "org.apache.flink.streaming.api.transformations.WithBoundedness");

    @Test
    void everyPublicClassSaysWhetherItIsApi() {
        classes()
                .that()
                .arePublic()
                .and()
                .areTopLevelClasses()
                .should()
                .beAnnotatedWith(PublicEvolving.class)
                .orShould()
                .beAnnotatedWith(Internal.class)
                .check(OURS);
    }

    @Test
    void apiHasOnlyApiInItsSignatures() {
        methods()
                .that()
                .arePublic()
                .and()
                .areNotAnnotatedWith(Internal.class)
                .and()
                .areDeclaredInClassesThat(isApiOfOurs())
                .should(haveOnlyApiInTheirSignatures())
                .check(OURS);
    }

    @Test
    void nothingOfFlinkIsUsedThatIsNotApi() {
        classes().should(useOnlyApiOfFlink()).check(OURS);
    }

    private static DescribedPredicate<JavaClass> isApiOfOurs() {
        return DescribedPredicate.describe("are API", ArchitectureTest::isApi);
    }

    private static ArchCondition<JavaMethod> haveOnlyApiInTheirSignatures() {
        return new ArchCondition<>("have only API in their signatures") {
            @Override
            public void check(JavaMethod method, ConditionEvents events) {
                List<JavaClass> types = new ArrayList<>(method.getRawParameterTypes());
                types.add(method.getRawReturnType());
                for (JavaClass type : types) {
                    JavaClass element = type.getBaseComponentType();
                    boolean isKnown =
                            isOfFlink(element) || element.getName().startsWith("com.redis.flink.");
                    if (isKnown && !isApi(element)) {
                        events.add(
                                SimpleConditionEvent.violated(
                                        method,
                                        method.getFullName() + " has " + element.getName()));
                    }
                }
            }
        };
    }

    private static ArchCondition<JavaClass> useOnlyApiOfFlink() {
        return new ArchCondition<>("use only API of Flink") {
            @Override
            public void check(JavaClass ours, ConditionEvents events) {
                for (Dependency dependency : ours.getDirectDependenciesFromSelf()) {
                    JavaClass used = dependency.getTargetClass().getBaseComponentType();
                    if (isOfFlink(used) && !isApi(used) && !TOLERATED.contains(used.getName())) {
                        events.add(
                                SimpleConditionEvent.violated(ours, dependency.getDescription()));
                    }
                }
            }
        };
    }

    private static boolean isOfFlink(JavaClass type) {
        String name = type.getName();
        return name.startsWith("org.apache.flink.")
                && !name.startsWith("org.apache.flink.shaded.")
                && !name.startsWith("org.apache.flink.annotation.");
    }

    /** A nested class is what the class around it is, unless it says something itself. */
    private static boolean isApi(JavaClass type) {
        if (type.isAnnotatedWith(Internal.class)) {
            return false;
        }
        return API.stream().anyMatch(type::isAnnotatedWith)
                || type.getEnclosingClass().map(ArchitectureTest::isApi).orElse(false);
    }
}
