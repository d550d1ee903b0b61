/** The codec on Jackson 3. Who requires it need not require Jackson. The digit is Jackson's. */
@SuppressWarnings("module")
module dev.pgeventstore.jackson3 {
  requires transitive dev.pgeventstore.core;
  requires transitive tools.jackson.databind;
  requires static org.jspecify;

  exports dev.pgeventstore.codec.jackson3;
}
