package dev.pgeventstore.spring.internal;

import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;

/** The data source of the store. */
final class StoreDataSource {

  private StoreDataSource() {}

  /**
   * The one that is named; or the only one, or the primary one.
   *
   * @param user the bean that is closed before the data source
   * @throws StoreConfigurationException if there are several, or none has that name
   */
  static DataSource find(
      ConfigurableListableBeanFactory beans,
      ObjectProvider<DataSource> all,
      @Nullable String name,
      String user) {
    List<String> names = List.of(beans.getBeanNamesForType(DataSource.class, true, false));
    if (name != null && !name.isBlank()) {
      if (!names.contains(name)) {
        throw new StoreConfigurationException(
            "eventstore.data-source is '%s', and no data source has this name.".formatted(name),
            "Name one of these beans: %s.".formatted(names));
      }
      beans.registerDependentBean(name, user);
      return beans.getBean(name, DataSource.class);
    }
    DataSource only = all.getIfUnique();
    if (only == null) {
      throw new StoreConfigurationException(
          "The event store needs one data source, and there are %d, none of which is primary: %s."
              .formatted(names.size(), names),
          "Set eventstore.data-source to the name of the one that the store is to use, or mark one"
              + " with @Primary.");
    }
    return only;
  }
}
