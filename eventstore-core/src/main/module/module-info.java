/**
 * The API of the event store, and what its modules share. Those that see the internal packages are
 * not on the module path when this one is compiled.
 */
@SuppressWarnings("module")
module dev.pgeventstore.core {
  requires transitive java.sql;
  requires static transitive org.jspecify;
  requires org.slf4j;

  exports dev.pgeventstore;
  exports dev.pgeventstore.aggregate;
  exports dev.pgeventstore.codec;
  exports dev.pgeventstore.projection;
  exports dev.pgeventstore.spi;
  exports dev.pgeventstore.subscription;
  exports dev.pgeventstore.internal to
      dev.pgeventstore.kafka,
      dev.pgeventstore.postgres,
      dev.pgeventstore.testkit;
  exports dev.pgeventstore.internal.codec to
      dev.pgeventstore.jackson,
      dev.pgeventstore.jackson3;
  exports dev.pgeventstore.internal.scheduling to
      dev.pgeventstore.kafka,
      dev.pgeventstore.postgres,
      dev.pgeventstore.testkit.contracts;
}
