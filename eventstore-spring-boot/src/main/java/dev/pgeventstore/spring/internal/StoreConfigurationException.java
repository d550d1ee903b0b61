package dev.pgeventstore.spring.internal;

/** The application is configured in a way that the store cannot work with. */
final class StoreConfigurationException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  private final String action;

  StoreConfigurationException(String description, String action) {
    super(description);
    this.action = action;
  }

  String action() {
    return action;
  }
}
