/** The codec on Jackson 2. Who requires it need not require Jackson. */
module dev.pgeventstore.jackson {
  requires transitive com.fasterxml.jackson.databind;
  requires transitive dev.pgeventstore.core;
  requires com.fasterxml.jackson.datatype.jdk8;
  requires com.fasterxml.jackson.datatype.jsr310;
  requires static org.jspecify;

  exports dev.pgeventstore.codec.jackson;
}
