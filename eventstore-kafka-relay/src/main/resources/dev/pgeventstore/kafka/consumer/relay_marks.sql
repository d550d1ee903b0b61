-- What consumers of relayed records have handled: the last place of each sequence. PostgreSQL.
-- The consumer's role needs select, insert and update on it.
create table if not exists relay_marks (
  consumer_group text        not null,
  topic          text        not null,
  partition      integer     not null,
  relay          text        not null,
  lane           integer     not null,
  position       bigint      not null,
  record_index   integer     not null,
  updated_at     timestamptz not null default clock_timestamp(),
  primary key (consumer_group, topic, partition, relay, lane)
)
-- Every batch updates a row: room for its versions on the same page keeps the table small.
with (fillfactor = 50);
