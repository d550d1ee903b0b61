package dev.pgeventstore.spring;

import dev.pgeventstore.codec.jackson3.JacksonCodec;

/**
 * A bean of this type changes the codec that is configured automatically: it adds upcasters, for
 * example. Several are called in their order.
 */
@FunctionalInterface
public interface EventCodecCustomizer {

  /**
   * Changes what the codec is built with.
   *
   * @param builder of the codec
   */
  void customize(JacksonCodec.Builder builder);
}
