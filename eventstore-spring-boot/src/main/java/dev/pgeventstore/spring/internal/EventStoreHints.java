package dev.pgeventstore.spring.internal;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.springframework.aot.hint.BindingReflectionHintsRegistrar;
import org.springframework.aot.hint.MemberCategory;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;
import org.springframework.beans.factory.aot.BeanRegistrationAotContribution;
import org.springframework.beans.factory.aot.BeanRegistrationAotProcessor;
import org.springframework.beans.factory.config.ConstructorArgumentValues.ValueHolder;
import org.springframework.beans.factory.support.RegisteredBean;
import org.springframework.transaction.support.TransactionSynchronizationManager;
import org.springframework.util.ClassUtils;

/** What a native image must keep: the migrations, and the records that are events. */
final class EventStoreHints implements RuntimeHintsRegistrar, BeanRegistrationAotProcessor {

  @Override
  public void registerHints(RuntimeHints hints, @Nullable ClassLoader loader) {
    hints.resources().registerPattern("dev/pgeventstore/db/migration/*.sql");
    hints.resources().registerPattern("dev/pgeventstore/db/roles.sql");
    // The store looks by name whether it is used in a transaction that it takes no part in.
    hints
        .reflection()
        .registerType(
            TransactionSynchronizationManager.class, MemberCategory.INVOKE_PUBLIC_METHODS);
  }

  @Override
  public @Nullable BeanRegistrationAotContribution processAheadOfTime(RegisteredBean bean) {
    if (!bean.getBeanClass().equals(ScannedEventTypes.class)) {
      return null;
    }
    ValueHolder names =
        bean.getMergedBeanDefinition()
            .getConstructorArgumentValues()
            .getIndexedArgumentValue(0, String[].class);
    Class<?>[] events =
        ScannedEventTypes.classes(
            Objects.requireNonNullElseGet(
                bean.getBeanFactory().getBeanClassLoader(), ClassUtils::getDefaultClassLoader),
            (String[]) Objects.requireNonNull(Objects.requireNonNull(names).getValue()));
    return (generation, code) ->
        new BindingReflectionHintsRegistrar()
            .registerReflectionHints(generation.getRuntimeHints().reflection(), events);
  }
}
