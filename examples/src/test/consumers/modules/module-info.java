/** The same program on the module path. Jackson sees its records. */
open module shop {
  requires dev.pgeventstore.jackson;
  requires dev.pgeventstore.postgres;
  requires java.naming;
  requires org.postgresql.jdbc;
}
