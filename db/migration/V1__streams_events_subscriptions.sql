-- The event store's tables, and what the fence observes.
-- ${schema} is replaced by the name of the schema, which exists already.

-- One row per stream. It is the version check: an append first advances this row, and only then
-- inserts events, so an append that loses a race draws no position.
create table "${schema}".streams (
  version bigint not null,
  created_at timestamptz not null default clock_timestamp(),
  tombstoned_at timestamptz,
  stream_id text collate "C" not null,
  category text collate "C" not null,
  constraint streams_pkey primary key (stream_id),
  constraint streams_version_is_not_negative check (version >= 0)
) with (fillfactor = 80); -- room on the page, so that advancing a version touches no index

comment on table "${schema}".streams is
  'One row per stream, with the number of its last event. Version 0 is a stream that was only checked: it has no event.';
comment on column "${schema}".streams.tombstoned_at is
  'Since when the stream is gone for good: it takes no event any more.';

-- The log. Rows are inserted and never changed. Columns of fixed width come first: no padding.
create table "${schema}".events (
  position bigint generated always as identity (cache 1) not null,
  version bigint not null,
  recorded_at timestamptz not null default clock_timestamp(),
  id uuid not null,
  revision integer not null,
  stream_id text collate "C" not null,
  category text collate "C" not null,
  type text collate "C" not null,
  data json not null,
  metadata json,
  constraint events_pkey primary key (stream_id, version),
  constraint events_position_key unique (position),
  constraint events_version_is_positive check (version > 0),
  constraint events_revision_is_positive check (revision > 0)
);

comment on column "${schema}".events.position is
  'Place in the global order. Drawn inside the insert, cache 1, by nobody else: the fence depends on it (docs/adr/0001).';
comment on column "${schema}".events.data is
  'JSON as it was written, byte for byte (docs/adr/0002).';

-- Named readers of the log. Everything they want at or below their position is handled.
create table "${schema}".subscriptions (
  position bigint not null,
  epoch bigint not null default 0,
  lease_until timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  partition integer not null,
  name text collate "C" not null,
  owner text,
  constraint subscriptions_pkey primary key (name, partition),
  constraint subscriptions_position_is_not_negative check (position >= 0)
);

comment on column "${schema}".subscriptions.epoch is
  'Number of the tenure of the lease; whoever holds an older one writes nothing.';

-- Tells one life of the server from the next: a restart changes the first part, a crash of a single
-- backend, which throws away the shared memory but keeps the postmaster, the second.
create function "${schema}".incarnation() returns text
language sql stable parallel safe
as $$
  select extract(epoch from pg_catalog.pg_postmaster_start_time())::text || '/'
    || coalesce(extract(epoch from pg_catalog.pg_stat_get_bgwriter_stat_reset_time())::text, '')
$$;

-- What the fence observes (docs/adr/0001): the largest visible position, and who holds the lock on
-- events under which positions are drawn. A statement takes its snapshot before it reads pg_locks,
-- and the proof needs that order. Prepared transactions have no process.
create function "${schema}".observe_fence(
  out visible bigint,
  out incarnation text,
  out is_standby boolean,  -- locks of the primary are not visible there: the rest means nothing
  out holders text[],
  out pids integer[]
)
language sql stable
as $$
  select (select coalesce(max(e."position"), 0) from "${schema}".events as e),
         "${schema}".incarnation(),
         pg_catalog.pg_is_in_recovery(),
         array_agg(l.virtualtransaction),
         array_agg(l.pid)
    from pg_catalog.pg_locks as l
   where l.locktype = 'relation'
     and l.database = (select d.oid from pg_catalog.pg_database as d
                        where d.datname = pg_catalog.current_database())
     and l.relation = '"${schema}".events'::pg_catalog.regclass
     and l.mode = 'RowExclusiveLock'
     and l.granted
$$;
