-- The event store's schema: tables first, then functions by what they are for.
-- ${schema} is replaced by the name of the schema, which exists already. Roles and their rights are in
-- roles.sql.

-- --- The log -----------------------------------------------------------------------------------

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

-- For reading a category, or a few of them, without looking at all other events (docs/adr/0008).
-- By the hash: eight bytes for every name. With names of more than seven the index would be more
-- than twice as large.
create index events_category_position
  on "${schema}".events (hashtextextended(category, 0), position);

-- One row while an incarnation is known. PostgreSQL empties unlogged tables whenever it recovers:
-- from a crash, be it of a single backend, or as a standby that is promoted; and for no other reason
-- (docs/adr/0018). A clean restart keeps the row and changes the start time of the postmaster. The
-- table must stay unlogged: a store refuses to start on a logged one.
create unlogged table "${schema}".incarnations (
  id uuid not null default pg_catalog.gen_random_uuid(),
  is_present boolean not null default true,
  constraint incarnations_pkey primary key (is_present),
  constraint incarnations_has_one_row check (is_present)
);

comment on table "${schema}".incarnations is
  'Emptied by PostgreSQL when it recovers from a crash; the next observation of the fence begins a new incarnation.';

insert into "${schema}".incarnations default values;

-- --- What is kept beside the log ---------------------------------------------------------------

-- States of streams at some version, so that long ones load fast. They are not the truth: any row
-- may be deleted at any time, which only costs the reading of its events.
create table "${schema}".snapshots (
  version bigint not null,
  recorded_at timestamptz not null default clock_timestamp(),
  revision integer not null,
  stream_id text collate "C" not null,
  name text collate "C" not null,
  state json not null,
  constraint snapshots_pkey primary key (stream_id, name),
  constraint snapshots_version_is_positive check (version > 0),
  constraint snapshots_revision_is_positive check (revision > 0)
);

comment on table "${schema}".snapshots is
  'The latest snapshot of each stream under each name. Rows may be deleted at any time.';
comment on column "${schema}".snapshots.version is
  'The version of the last event that the state takes in.';
comment on column "${schema}".snapshots.revision is
  'Of the shape and meaning of the state; those of other revisions are not read.';

create table "${schema}".imports (
  items bigint not null default 0,
  fingerprint bigint not null default 0,
  last_position bigint,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  name text collate "C" not null,
  last_stream_id text collate "C",
  constraint imports_pkey primary key (name),
  constraint imports_items_is_not_negative check (items >= 0)
);

comment on table "${schema}".imports is
  'One row per named import. It commits together with the events that it counts, so an import that was killed goes on behind them.';
comment on column "${schema}".imports.items is
  'How many items were taken from the source; all of them are events.';
comment on column "${schema}".imports.fingerprint is
  'Over the streams, and the ids where the caller gave them, of all these items: another source under the same name is told by it.';

-- --- Erasing -----------------------------------------------------------------------------------

-- Truncations that still hide something; after the purge the row is gone. Readers look here, so it
-- has the one row of a stream that is needed, and no more.
create table "${schema}".truncations (
  before bigint not null,
  hidden_up_to bigint not null,
  stream_id text collate "C" not null,
  constraint truncations_pkey primary key (stream_id)
);
create index truncations_hidden_up_to on "${schema}".truncations (hidden_up_to);

comment on column "${schema}".truncations.before is
  'Events of the stream with lower versions are hidden from all readers.';
comment on column "${schema}".truncations.hidden_up_to is
  'Position of the last hidden event: who reads beyond the largest of these need not look closer.';

-- What is left of deleted events: enough to recognise the history by.
create table "${schema}".purged_events (
  "position" bigint not null,
  id uuid not null,
  constraint purged_events_pkey primary key ("position")
);

-- What was erased, by whom and why. Rows are inserted and never changed.
create table "${schema}".erasures (
  number bigint generated always as identity not null,
  version bigint not null,
  at timestamptz not null default clock_timestamp(),
  action text not null,
  stream_id text collate "C" not null,
  by text not null,
  type text,
  reason text,
  constraint erasures_pkey primary key (number),
  constraint erasures_action_is_known check (action in ('truncate', 'tombstone', 'erase')),
  constraint erasures_erase_says_why check (action <> 'erase' or (type is not null and reason is not null))
);
create index erasures_stream on "${schema}".erasures (stream_id, version);

comment on column "${schema}".erasures.version is
  'Of the erased event; of the first event that a truncation left; of a tombstoned stream.';
comment on column "${schema}".erasures.type is 'What the erased event was.';
comment on column "${schema}".erasures.by is 'The role that had logged in.';

-- --- Subscriptions -----------------------------------------------------------------------------

-- Which node has a partition of a subscription, or a lane of a relay, and until when. Renewed every
-- few seconds, in place. A lease says which node should continue; for subscriptions the tenure in
-- the checkpoint's row decides (docs/adr/0009), which is written by the transaction that takes the
-- lease.
create table "${schema}".leases (
  epoch bigint not null default 0,
  lease_until timestamptz,
  partition integer not null,
  name text collate "C" not null,
  owner text,
  constraint leases_pkey primary key (name, partition)
) with (fillfactor = 50);

comment on table "${schema}".leases is
  'One row per partition of a subscription and per lane of a relay.';
comment on column "${schema}".leases.epoch is
  'Number of the tenure.';
comment on column "${schema}".leases.owner is
  'Null: the lease was given back. One that has expired keeps its last owner.';

-- The partitions of named readers of the log: its checkpoint, and the tenure that may move it.
-- Owner, epoch and position are in one row, because comparing them in one statement is the fence.
create table "${schema}".subscriptions (
  position bigint not null,
  epoch bigint not null default 0,
  updated_at timestamptz not null default clock_timestamp(),
  barrier bigint,
  attempt_position bigint,
  stopped_at timestamptz,
  partition integer not null,
  partitions integer not null default 1,
  next_partitions integer,
  attempts integer not null default 0,
  name text collate "C" not null,
  owner text,
  query text,
  error text,
  constraint subscriptions_pkey primary key (name, partition),
  constraint subscriptions_lease foreign key (name, partition)
    references "${schema}".leases (name, partition),
  constraint subscriptions_position_is_not_negative check (position >= 0)
) with (fillfactor = 50); -- moved with every page: the next row version fits beside the last

comment on table "${schema}".subscriptions is
  'One row per partition of a subscription. What the subscription wants at or below its position is handled.';

comment on column "${schema}".subscriptions.epoch is
  'Number of the tenure; an owner with an older one writes nothing.';
comment on column "${schema}".subscriptions.owner is
  'The node that took the lease last. It stays when the lease is given back.';
comment on column "${schema}".subscriptions.barrier is
  'While the number of partitions changes: no partition moves beyond it, and when all stand there they are divided anew.';
comment on column "${schema}".subscriptions.attempts is
  'How often the event at attempt_position was begun alone. Counted before its handler is called, so a handler that kills its process is counted too. With no position: leases that ended without being given back.';
comment on column "${schema}".subscriptions.stopped_at is
  'Since when the subscription has been stopped by an error; it is not handled until it is started again.';
comment on column "${schema}".subscriptions.query is
  'Which events the subscription was declared for. A node that declares others does not join. Null: the next node that starts it says so.';

-- The nodes on which a subscription runs, so that they can share its partitions.
create table "${schema}".subscription_members (
  alive_until timestamptz not null,
  name text collate "C" not null,
  owner text not null,
  constraint subscription_members_pkey primary key (name, owner)
);

-- A node declines a partition while it cannot decode the event at a position after its checkpoint.
-- One row for each node, for its latest; it is removed with the node.
create table "${schema}".subscription_declines (
  "position" bigint not null,
  at timestamptz not null default clock_timestamp(),
  partition integer not null,
  name text collate "C" not null,
  owner text not null,
  reason text not null,
  constraint subscription_declines_pkey primary key (name, partition, owner)
);

-- What owners of a lease leave for the next one. Few and small; they change seldom.
create table "${schema}".lease_notes (
  partition integer not null,
  name text collate "C" not null,
  key text collate "C" not null,
  value text not null,
  constraint lease_notes_pkey primary key (name, partition, key),
  constraint lease_notes_of_lease foreign key (name, partition)
    references "${schema}".leases (name, partition) on delete cascade
);

-- A stream is parked while it has a row here. A transaction that parks its later events, replays
-- them or ends the parking locks the row, so these happen one after the other.
create table "${schema}".parked_streams (
  name text collate "C" not null,
  stream_id text collate "C" not null,
  constraint parked_streams_pkey primary key (name, stream_id)
);

create table "${schema}".parked_events (
  "position" bigint not null,
  version bigint not null,
  parked_at timestamptz not null default clock_timestamp(),
  attempts integer not null,
  name text collate "C" not null,
  stream_id text collate "C" not null,
  error text,
  constraint parked_events_pkey primary key (name, "position"),
  constraint parked_events_stream foreign key (name, stream_id)
    references "${schema}".parked_streams (name, stream_id)
);
create index parked_events_of_stream on "${schema}".parked_events (name, stream_id, "position");

-- What was discarded, by whom and why. Rows are inserted and never changed.
create table "${schema}".discarded_events (
  number bigint generated always as identity not null,
  "position" bigint not null,
  version bigint not null,
  at timestamptz not null default clock_timestamp(),
  name text collate "C" not null,
  stream_id text collate "C" not null,
  by text not null default session_user,
  reason text not null,
  error text,
  constraint discarded_events_pkey primary key (number)
);
-- By which a wait for an append finds that it was discarded.
create index discarded_events_of_stream
  on "${schema}".discarded_events (name, stream_id, version);

-- --- Projections: which versions of a read model there are, and which one readers see ----------

create table "${schema}".projections (
  promoted_at timestamptz,
  live_version integer,
  highest_version integer,
  name text collate "C" not null,
  constraint projections_pkey primary key (name)
);

comment on column "${schema}".projections.live_version is
  'The version that readers see; null as long as none was promoted.';
comment on column "${schema}".projections.highest_version is
  'The highest version that was ever live. A promotion goes upwards from there; showing an older one, or one that was taken back, is another call.';

-- A version is here from the moment its tables are created until they are dropped: both in one
-- transaction. Its checkpoints are those of the subscription <name>/<version>.
create table "${schema}".projection_versions (
  created_at timestamptz not null default clock_timestamp(),
  version integer not null,
  name text collate "C" not null,
  constraint projection_versions_pkey primary key (name, version),
  constraint projection_versions_of_projection foreign key (name)
    references "${schema}".projections (name),
  constraint projection_versions_version_is_positive check (version > 0)
);

-- The live version cannot be dropped by any statement.
alter table "${schema}".projections
  add constraint projections_live_version foreign key (name, live_version)
    references "${schema}".projection_versions (name, version);

-- A version that was dropped is not created again, nor is one that is older than what readers have
-- seen: a node that runs an old program may be started at any time.
create table "${schema}".dropped_projection_versions (
  dropped_at timestamptz not null default clock_timestamp(),
  version integer not null,
  name text collate "C" not null,
  by text not null default session_user,
  constraint dropped_projection_versions_pkey primary key (name, version)
);

-- --- The outbox --------------------------------------------------------------------------------

-- Draws a position for a message, from the sequence of the events: they share one order. Every
-- transaction that draws from it already holds the same lock on events, so the fence sees one kind
-- of holder (docs/adr/0011). It runs with the owner's rights, since no other role may draw; a
-- caller that draws for nothing burns a position.
create function "${schema}".draw_position() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  lock table "${schema}".events in row exclusive mode;
  return nextval('"${schema}".events_position_seq');
end
$$;

revoke all on function "${schema}".draw_position() from public;

-- Messages that wait to be published. Rows are inserted, never changed, and deleted soon.
create table "${schema}".outbox (
  "position" bigint not null default "${schema}".draw_position(),
  lane_hash bigint not null,
  recorded_at timestamptz not null default clock_timestamp(),
  id uuid not null,
  relay text collate "C" not null,
  topic text collate "C" not null,
  key bytea,
  value bytea,
  header_names text[] not null,
  header_values bytea[] not null,
  constraint outbox_pkey primary key (relay, "position"),
  constraint outbox_lane_hash_is_unsigned check (lane_hash between 0 and 4294967295),
  constraint outbox_headers_have_values check (cardinality(header_names) = cardinality(header_values))
) with (
  -- Space of deleted rows is to be reused soon, however large the table was at its peak: by the
  -- number of rows, not by a fraction of them, and without pauses. The table is not truncated at
  -- its end, which would repeatedly take a lock that appends wait for.
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 2000,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = off,
  toast.autovacuum_vacuum_scale_factor = 0,
  toast.autovacuum_vacuum_threshold = 2000,
  toast.autovacuum_vacuum_insert_threshold = -1,
  toast.autovacuum_vacuum_cost_delay = 0,
  toast.vacuum_truncate = off,
  toast_tuple_target = 8160  -- most values stay in their row: one row less to insert and delete
);

-- They do not live long enough for compressing to be worth its time.
alter table "${schema}".outbox
  alter column key set storage external,
  alter column value set storage external,
  alter column header_values set storage external;

comment on column "${schema}".outbox."position" is
  'Place in the global order, among those of events. Drawn inside the insert, under the lock on events: the fence depends on it (docs/adr/0011).';
comment on column "${schema}".outbox.lane_hash is
  'CRC-32C of the key, or of the topic''s name in UTF-8 where there is no key: modulo the number of lanes it is the lane, as it is for a stream''s name.';

-- --- The version of the schema -----------------------------------------------------------------

-- The schema reports its version to every role, with or without Flyway's history: programs that may
-- not migrate check it before they start. A later script defines this function again, with its own
-- number.
--
-- serves_from is the version of the oldest program that still works here: it is raised only where
-- a table or function that an older program uses is gone or means something else, for those programs
-- stop when they restart.
create function "${schema}".schema_version(out version integer, out serves_from integer)
language sql immutable parallel safe
as $$
  select 1, 1
$$;

-- --- The fence ---------------------------------------------------------------------------------

-- Distinguishes one incarnation of the server from the next: positions that one has assigned, its
-- asynchronous commits and the locks it has granted may be unknown to the next. Null before one has
-- begun, which equals nothing, and on a standby, where unlogged tables cannot be read. It runs with
-- the owner's rights, so that roles that could call it before need no further ones.
create function "${schema}".incarnation() returns text
language plpgsql stable parallel safe security definer
as $$
declare
  _id uuid;
begin
  if pg_catalog.pg_is_in_recovery() then
    return null;
  end if;
  select i.id into _id from "${schema}".incarnations as i;
  if _id is null then
    return null;
  end if;
  return pg_catalog.concat(
    extract(epoch from pg_catalog.pg_postmaster_start_time()), '/', _id);
end
$$;

-- Begins an incarnation, unless one has begun. If several callers do so at once, one does it, and
-- the others wait.
create function "${schema}".begin_incarnation() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into "${schema}".incarnations (is_present) values (true) on conflict do nothing
$$;

-- What the fence observes (docs/adr/0001): the last position that was drawn, and only then which
-- transactions hold the lock under which positions are drawn. The proof needs that order, so each
-- is a statement of its own. Prepared transactions have no process.
create function "${schema}".observe_fence(
  out drawn bigint,
  out visible bigint,      -- the largest position of an event
  out incarnation text,
  out is_standby boolean,  -- locks of the primary are not visible there: the rest means nothing
  out holders text[],
  out pids integer[]
)
language plpgsql volatile  -- it begins an incarnation if there is none
set enable_seqscan = off   -- the plan is kept, and may be of the time when events had a page or two
as $$
begin
  incarnation := "${schema}".incarnation();
  is_standby := pg_catalog.pg_is_in_recovery();
  if incarnation is null and not is_standby then
    perform "${schema}".begin_incarnation();
    incarnation := "${schema}".incarnation();
  end if;
  drawn := coalesce(
    pg_catalog.pg_sequence_last_value('"${schema}".events_position_seq'::pg_catalog.regclass), 0);
  select (select coalesce(max(e."position"), 0) from "${schema}".events as e),
         array_agg(l.virtualtransaction),
         array_agg(l.pid)
    into visible, holders, pids
    from pg_catalog.pg_locks as l
   where l.locktype = 'relation'
     and l.database = (select d.oid from pg_catalog.pg_database as d
                        where d.datname = pg_catalog.current_database())
     and l.relation = '"${schema}".events'::pg_catalog.regclass
     and l.mode = 'RowExclusiveLock'
     and l.granted;
end
$$;

-- --- Appending ---------------------------------------------------------------------------------

-- Appends to streams, on behalf of one caller or of many at once. One call is one round trip, and
-- returns a result for each append.
--
-- It is volatile PL/pgSQL because each of its statements then takes a snapshot of its own under
-- READ COMMITTED: what is decided after waiting for a row lock is decided on what the winner left.
-- The order is: lock stream rows in the byte order of their ids (no deadlocks); decide, append by
-- append; write stream rows; insert events; distinguish retries from conflicts. The lock on events
-- comes last, so an append that waits for a stream row never holds the high-water mark back.
--
-- A conflict is a result, not an error: nothing is written for that append, no position drawn, and
-- the transaction stays usable.
--
-- Functions that append run with the rights of their owner, and no other role may write streams,
-- events or messages: what they promise does not depend on who calls them (docs/adr/0027). Their
-- search path is fixed, or a caller could put an operator of its own in place of one that they use.
--
-- Streams are looked up one by one, which costs less than a join as long as they are few, and
-- written by "on conflict": a join could become a scan of the table, with a plan that was made while
-- it was small and is kept while it grows.
create function "${schema}".append(
  _streams text[],              -- ids of all streams, distinct, in byte order
  _create boolean[],            -- per stream: whether to make its row, if there is none
  _patient boolean,             -- whether to wait for rows that others hold; else such appends are busy
  _appends integer[],           -- per condition: its append, numbered from 1, in ascending order
  _condition_streams integer[], -- per condition: which of the streams, from 1; each once in an append
  _expected bigint[],           -- per condition: a version, or -1 any, -2 exists, -3 any with known ids, -4 exists with known ids
  _counts integer[],            -- per condition: number of events; 0 if the stream is only checked
  _event_conditions integer[],  -- per event, in the order of positions: its condition, from 1; ascending by append
  _event_numbers integer[],     -- per event: its number among those of its condition, from 1
  _ids uuid[],
  _types text[],
  _revisions integer[],
  _data bytea[],                -- JSON in UTF-8
  _metadata bytea[],            -- JSON in UTF-8, or null; null altogether if no event has any
  out outcomes integer[],       -- per append: 0 written, 1 conflict, 2 replayed, 3 ids reused, 4 busy, 5 tombstoned
  out versions bigint[],        -- per condition: written or replayed, its last version of this append; else the actual one
  out positions bigint[],       -- per append: of its last event, if written or replayed
  out culprits integer[]        -- per append: the condition whose stream has the ids already, or is tombstoned
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  _conditions constant integer := cardinality(_appends);
  _streams_count constant integer := cardinality(_streams);
  _made boolean[] := array_fill(false, array[_streams_count]); -- per stream: its row is this call's
  _kept boolean[] := _made;  -- per stream: its row stays, even at version 0
  _busy boolean[] := _made;  -- per stream: somebody else holds it
  _gone boolean[] := _made;  -- per stream: tombstoned
  _found bigint[] := array_fill(null::bigint, array[_streams_count]); -- per stream: the version there was, null without a row
  _version bigint[];         -- per stream: the version so far
  _dead boolean;
  _base bigint[] := array_fill(null::bigint, array[cardinality(_appends)]); -- per condition that is written: the version before
  _last integer[] := array_fill(null::integer, array[_appends[cardinality(_appends)]]); -- per append that is written: how many events there are up to its last
  _written bigint[];  -- positions
  _events integer := 0;
  _refused boolean := false;
  _condition integer := 1;
  _first integer;
  _append integer;
  _outcome integer;
  _culprit integer;
  _stream integer;
  _want bigint;
  _current bigint;
  _known boolean;
  _order bigint[];   -- events by condition and number; made when it is needed
  _offsets bigint[]; -- per condition: how many of them come before its own
  _own uuid[];
  _replay record;
begin
  positions := array_fill(null::bigint, array[_appends[_conditions]]);
  culprits := _last;

  for _i in 1 .. _streams_count loop
    loop
      if _patient then
        select s.version, s.tombstoned_at is not null into _current, _dead
          from "${schema}".streams as s
         where s.stream_id = _streams[_i]
           for update;
      else
        select s.version, s.tombstoned_at is not null into _current, _dead
          from "${schema}".streams as s
         where s.stream_id = _streams[_i]
           for update skip locked;
      end if;
      if found then
        _found[_i] := _current;
        _gone[_i] := _dead;
        exit;
      end if;
      -- A row that others hold is visible; one that does not exist is not.
      if not _patient and exists (
        select from "${schema}".streams as s where s.stream_id = _streams[_i])
      then
        _busy[_i] := true;
        exit;
      end if;
      exit when not _create[_i];

      -- A row that does not exist cannot be locked, so a row of version 0 is created. This waits
      -- for another transaction that is creating the same row; what has become visible then is
      -- checked again.
      if not _patient then
        perform set_config('lock_timeout', '10ms', true);
      end if;
      insert into "${schema}".streams (stream_id, category, version)
      values (_streams[_i], split_part(_streams[_i], '-', 1), 0)
      on conflict on constraint streams_pkey do nothing;
      if found then
        _found[_i] := 0;
        _made[_i] := true;
        exit;
      end if;
    end loop;
  end loop;

  _version := _found;
  while _condition <= _conditions loop
    _append := _appends[_condition];
    _first := _condition;
    _outcome := 0;
    _culprit := null;
    loop
      _stream := _condition_streams[_condition];
      _want := _expected[_condition];
      _current := coalesce(_version[_stream], 0);
      versions[_condition] := _current;
      if _gone[_stream] then
        _outcome := 5;
        _culprit := _condition;
      elsif _busy[_stream] then
        _outcome := greatest(_outcome, 4);
      elsif _want >= 0 then
        if _current <> _want then
          _outcome := greatest(_outcome, 1);
        end if;
      elsif _want in (-2, -4) and _current = 0 then
        _outcome := greatest(_outcome, 1);
      end if;
      if _want < -2 and _current > 0 and _outcome = 0 then
        if _order is null then
          _order := array(
            select u.event
              from unnest(_event_conditions, _event_numbers) with ordinality as u (condition, number, event)
             order by u.condition, u.number);
          _offsets := array(
            select sum(u.count) over (order by u.condition) - u.count
              from unnest(_counts) with ordinality as u (count, condition));
        end if;
        _own := array(
          select _ids[_order[_offsets[_condition] + i]] from generate_series(1, _counts[_condition]) as i);
        if "${schema}".last_of(_streams[_stream], _own) is not null then
          _outcome := 1;
        end if;
      end if;
      _condition := _condition + 1;
      exit when _condition > _conditions or _appends[_condition] <> _append;
    end loop;

    outcomes[_append] := _outcome;
    if _outcome = 0 then
      for _c in _first .. _condition - 1 loop
        _stream := _condition_streams[_c];
        if _counts[_c] > 0 then
          _base[_c] := versions[_c];
          _events := _events + _counts[_c];
          versions[_c] := versions[_c] + _counts[_c];
          _version[_stream] := versions[_c];
        else
          _kept[_stream] := true;
        end if;
      end loop;
      _last[_append] := _events;
    else
      _refused := true;
      culprits[_append] := _culprit;
      if _outcome = 4 then
        -- Later appends in this call must not overtake it.
        for _c in _first .. _condition - 1 loop
          _busy[_condition_streams[_c]] := true;
        end loop;
      end if;
    end if;
  end loop;

  if _events > 0 then
    insert into "${schema}".streams (stream_id, category, version)
    select u.id, split_part(u.id, '-', 1), u.version
      from unnest(_streams, _version, _found) as u (id, version, found)
     where u.version > u.found
    on conflict on constraint streams_pkey do update set version = excluded.version;

    with written as (
      insert into "${schema}".events
        (stream_id, category, version, id, type, revision, data, metadata)
      select _streams[_condition_streams[e.condition]],
             split_part(_streams[_condition_streams[e.condition]], '-', 1),
             _base[e.condition] + e.number, e.id, e.type, e.revision,
             convert_from(e.data, 'UTF8')::json, convert_from(e.metadata, 'UTF8')::json
        from unnest(_event_conditions, _event_numbers, _ids, _types, _revisions, _data, _metadata)
          as e (condition, number, id, type, revision, data, metadata)
       where _base[e.condition] is not null
      returning events."position")
    select array_agg(w."position") into _written from written as w;
    select array_agg(_written[l.last]) into positions from unnest(_last) as l (last);
  end if;

  if _refused then
    delete from "${schema}".streams as s
     where s.stream_id in (select _streams[i] from generate_subscripts(_streams, 1) as i
                            where _made[i] and _version[i] = 0 and not _kept[i]);

    -- Events are inserted by now, so that a retry finds its first attempt even in the same call.
    -- Most refused appends are not retries: none of their events is where it would have been
    -- written.
    _condition := 1;
    while _condition <= _conditions loop
      _first := _condition;
      _append := _appends[_condition];
      _known := false;
      loop
        if outcomes[_append] = 1 and _counts[_condition] > 0 and not _known then
          if _expected[_condition] < 0 then
            _known := true;
          elsif versions[_condition] > _expected[_condition] then
            -- Comparing as many ids with as many events would take quadratic time.
            if _counts[_condition] > 16 then
              _known := true;
            else
              perform from "${schema}".events as e
                where e.stream_id = _streams[_condition_streams[_condition]]
                  and e.version between _expected[_condition] + 1
                                    and _expected[_condition] + _counts[_condition]
                  and e.id = any (_ids);
              _known := found;
            end if;
          end if;
        end if;
        _condition := _condition + 1;
        exit when _condition > _conditions or _appends[_condition] <> _append;
      end loop;
      if _known then
        select * into _replay from "${schema}".replay(
          _first, _condition - 1, _streams, _condition_streams, _expected, _counts,
          _event_conditions, _event_numbers, _ids, _types, _data, versions);
        outcomes[_append] := _replay.outcome;
        versions := _replay.versions;
        positions[_append] := _replay."position";
        culprits[_append] := _replay.culprit;
      end if;
    end loop;
  end if;
end
$$;

-- Appends one event to one stream: append() for the most frequent case, at half its cost. It waits
-- for no lock, and does not look up ids: -3 and -4 cannot be expected. Returns the outcome, the
-- version and the position.
create function "${schema}".append_one(
  _stream text, _expected bigint, _id uuid, _type text, _revision integer, _data bytea, _metadata bytea)
returns bigint[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _current bigint;
  _gone boolean;
  _position bigint;
begin
  select s.version, s.tombstoned_at is not null into _current, _gone
    from "${schema}".streams as s
   where s.stream_id = _stream
     for update skip locked;
  if found and not _gone
    and (_expected = _current or _expected = -1 or (_expected = -2 and _current > 0))
  then
    update "${schema}".streams as s set version = _current + 1 where s.stream_id = _stream;
  elsif not found and _expected in (0, -1)
    and not exists (select from "${schema}".streams as s where s.stream_id = _stream)
  then
    perform set_config('lock_timeout', '10ms', true);
    insert into "${schema}".streams (stream_id, category, version)
    values (_stream, split_part(_stream, '-', 1), 1)
    on conflict on constraint streams_pkey do nothing;
    if not found then
      return array[4, 0, null];
    end if;
    _current := 0;
  else
    return (select array[a.outcomes[1], a.versions[1], a.positions[1]]
              from "${schema}".append(
                array[_stream], array[_expected in (0, -1)], false, array[1], array[1],
                array[_expected], array[1], array[1], array[1], array[_id], array[_type],
                array[_revision], array[_data], array[_metadata]) as a);
  end if;

  insert into "${schema}".events (stream_id, category, version, id, type, revision, data, metadata)
  values (_stream, split_part(_stream, '-', 1), _current + 1, _id, _type, _revision,
          convert_from(_data, 'UTF8')::json, convert_from(_metadata, 'UTF8')::json)
  returning events."position" into _position;
  return array[0, _current + 1, _position];
end
$$;

-- The version of the last event of a stream that has one of these ids. It begins at the end, where a
-- retry's events are; the ids are hashed.
create function "${schema}".last_of(_stream text, _own uuid[]) returns bigint
language plpgsql stable
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  _last bigint;
begin
  select e.version into _last
    from "${schema}".events as e
   where e.stream_id = _stream
     and (e.id in (select u.id from unnest(_own) as u (id))) is true -- no join, which might be a nested loop
   order by e.version desc
   limit 1;
  return _last;
end
$$;

-- Distinguishes a retry of what is already stored from a conflict, for an append that was refused.
-- Locks of the stream rows are held. The parameters are those of append; the append's conditions
-- are given by their numbers.
create function "${schema}".replay(
  _from integer,
  _to integer,
  _streams text[],
  _condition_streams integer[],
  _expected bigint[],
  _counts integer[],
  _event_conditions integer[],
  _event_numbers integer[],
  _ids uuid[],
  _types text[],
  _data bytea[],
  _actual bigint[],
  out outcome integer,
  out versions bigint[],
  out "position" bigint,
  out culprit integer
)
language plpgsql stable
-- A plan for given values would have them as constants, and the n-th element of a constant array is
-- found by walking through those before it.
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  -- The append's events by condition and number, so that a condition's are a part of them, and the
  -- one at a version is found by counting.
  _order constant bigint[] := array(
    select u.event
      from unnest(_event_conditions, _event_numbers) with ordinality as u (condition, number, event)
     where u.condition between _from and _to
     order by u.condition, u.number);
  _offset integer := 0;
  _count integer;
  _own uuid[];
  _stream text;
  _first bigint;
  _same integer;
  _here integer;
  _last bigint;
  _all boolean := true;
begin
  versions := _actual;
  for _c in _from .. _to loop
    _offset := _offset + coalesce(_count, 0);
    _count := _counts[_c];
    continue when _count = 0;
    _stream := _streams[_condition_streams[_c]];
    _own := null;

    -- The version that the first of these events has, if they are stored at all.
    if _expected[_c] >= 0 then
      _first := _expected[_c] + 1;
    else
      _own := array(select _ids[_order[_offset + i]] from generate_series(1, _count) as i);
      _first := "${schema}".last_of(_stream, _own) - _count + 1;
    end if;
    if _first is null or _actual[_c] < _first then
      _all := false;
      continue;
    end if;

    select count(*) filter (where e.id = _ids[e.event]),
           count(*) filter (where e.id = _ids[e.event]
                              and (e.type = '$erased'
                                or (e.type = _types[e.event]
                                  and e.data::jsonb = convert_from(_data[e.event], 'UTF8')::jsonb))),
           max(e."position")
      into _here, _same, _last
      from (select o.*, _order[_offset + (o.version - _first + 1)::integer] as event
              from "${schema}".events as o
             where o.stream_id = _stream
               and o.version between _first and _first + _count - 1) as e;

    if _same = _count then
      versions[_c] := _first + _count - 1;
      "position" := greatest("position", _last);
      culprit := coalesce(culprit, _c);
      continue;
    end if;
    _all := false;
    if _here = 0 and culprit is null then
      _own := coalesce(
        _own, array(select _ids[_order[_offset + i]] from generate_series(1, _count) as i));
      select count(*) filter (where e.id in (select u.id from unnest(_own) as u (id)))
        into _here
        from "${schema}".events as e
       where e.stream_id = _stream
         and e.version between _first and _first + _count - 1;
    end if;
    if _here > 0 then
      culprit := coalesce(culprit, _c);
    end if;
  end loop;

  if _all then
    outcome := 2;
    culprit := null;
  else
    versions := _actual;
    "position" := null;
    outcome := case when culprit is null then 1 else 3 end;
  end if;
end
$$;

revoke all on function
  "${schema}".append(text[], boolean[], boolean, integer[], integer[], bigint[], integer[], integer[],
                     integer[], uuid[], text[], integer[], bytea[], bytea[]),
  "${schema}".append_one(text, bigint, uuid, text, integer, bytea, bytea)
  from public;

-- --- Messages ----------------------------------------------------------------------------------

-- Writes the messages of appends that were written, one after the other. Without outcomes, all.
create function "${schema}".publish(
  _outcomes integer[],       -- per append: as append answered; null for messages without an append
  _appends integer[],        -- per message: its append, from 1
  _relays text[],
  _topics text[],
  _ids uuid[],
  _lane_hashes bigint[],
  _keys bytea[],
  _values bytea[],
  _header_counts integer[],  -- per message
  _header_names text[],      -- of all messages
  _header_values bytea[]
)
returns bigint[]             -- per append: of its last message; for a retry, somewhere behind it
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _positions bigint[] := array_fill(null::bigint, array[_appends[cardinality(_appends)]]);
  _outcome integer;
  _header integer := 0;
  _position bigint;
begin
  for _i in 1 .. cardinality(_appends) loop
    _outcome := coalesce(_outcomes[_appends[_i]], 0);
    if _outcome = 0 then
      insert into "${schema}".outbox as o
        (relay, topic, id, lane_hash, key, value, header_names, header_values)
      values
        (_relays[_i], _topics[_i], _ids[_i], _lane_hashes[_i], _keys[_i], _values[_i],
         _header_names[_header + 1 : _header + _header_counts[_i]],
         _header_values[_header + 1 : _header + _header_counts[_i]])
      returning o."position" into _position;
      _positions[_appends[_i]] := _position;
    elsif _outcome = 2 then
      -- They were written with the events, and may be published and deleted by now.
      select s.last_value into _position from "${schema}".events_position_seq as s;
      _positions[_appends[_i]] := _position;
    end if;
    _header := _header + _header_counts[_i];
  end loop;
  return _positions;
end
$$;

revoke all on function
  "${schema}".publish(integer[], integer[], text[], text[], uuid[], bigint[], bytea[], bytea[],
                      integer[], text[], bytea[])
  from public;

-- Messages that wait for a relay, in the global order: up to a number of messages, or fewer up to a
-- number of bytes. It stops when it has enough, so it reads no more than it returns. It uses the
-- index, whatever the statistics are, since the table is large at one time and empty at another.
create function "${schema}".waiting_messages(
  _relay text,
  _lane integer,
  _lanes integer,
  _after bigint,
  _up_to bigint,
  _rows integer,
  _bytes bigint
)
returns table (
  "position" bigint,
  recorded_at timestamptz,
  id uuid,
  topic text,
  key bytea,
  value bytea,
  header_names text[],
  header_values bytea[]
)
language plpgsql stable
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set jit = off -- compiling takes longer than any page
as $$
begin
  for "position", recorded_at, id, topic, key, value, header_names, header_values in
    select o."position", o.recorded_at, o.id, o.topic, o.key, o.value, o.header_names,
           o.header_values
      from "${schema}".outbox as o
     where o.relay = _relay
       and o."position" > _after
       and o."position" <= _up_to
       and o.lane_hash % _lanes = _lane
     order by o."position"
  loop
    return next;
    _rows := _rows - 1;
    _bytes := _bytes - coalesce(octet_length(key), 0) - coalesce(octet_length(value), 0)
              - pg_column_size(header_names) - pg_column_size(header_values);
    exit when _rows <= 0 or _bytes <= 0;
  end loop;
end
$$;

-- Deletes messages that were published. A caller that deletes batch after batch passes where the
-- last one ended: scanning deleted rows that are not vacuumed yet costs as much as deleting them.
create function "${schema}".delete_messages(
  _relay text,
  _lane integer,
  _lanes integer,
  _after bigint,
  _up_to bigint
)
returns bigint  -- how many
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
  _deleted bigint;
begin
  delete from "${schema}".outbox as o
   where o.relay = _relay
     and o."position" > _after
     and o."position" <= _up_to
     and o.lane_hash % _lanes = _lane;
  get diagnostics _deleted = row_count;
  return _deleted;
end
$$;

-- --- Leases ------------------------------------------------------------------------------------

-- Keeps a node's subscriptions running: reports the node as live, renews its leases, takes what it
-- may, and divides partitions anew where all have reached the barrier. Returns all partitions of
-- these subscriptions as they are then.
--
-- A free partition is for the members that are least reluctant to have it (members_by_partition),
-- and among them for those that have the fewest. So it goes to a member that has declined it only
-- if all live ones have. The member that has the most is asked to release one while another, no
-- more reluctant to have it, has two fewer.
--
-- A node whose query is not the one that the subscription is declared with is not a member: nothing
-- is renewed or taken, and the result has the declaration.
--
-- Locked rows are skipped, and handled the next time. Renewing touches no checkpoint. All others
-- that change several rows lock checkpoints before leases, both by partition.
create function "${schema}".keep_leases(
  _owner text,
  _names text[],
  _lease_times bigint[],  -- milliseconds
  _queries text[]         -- that the node declares
)
returns table (
  subscription text,
  number integer,
  of integer,
  reached bigint,
  tenure bigint,
  holder text,
  lease_left bigint,   -- milliseconds; negative if it has expired; null if there is none
  is_stopped boolean,
  why_stopped text,
  gives_back boolean,  -- the caller is to give this one back
  declared text        -- the query of the subscription; null if none is known
)
-- A schema that is locked must not hold up the leases of others.
language plpgsql volatile set lock_timeout = '1s'
as $$
declare
  _name text;
  _ttl interval;
  _query text;
  _live text[];
  _mine integer[];
  _partition integer;
  _last text;
  _epoch bigint;
  _giver text;
  _back integer;
begin
  for _i in 1 .. cardinality(_names) loop
    _name := _names[_i];
    _ttl := _lease_times[_i] * interval '1 ms';
    _query := _queries[_i];

    if exists (select from "${schema}".subscriptions as s
                where s.name = _name and s.query <> _query) then
      delete from "${schema}".subscription_members as m
       where m.name = _name and m.owner = _owner;
      return query
        select s.name, s.partition, s.partitions, s."position", l.epoch, l.owner,
               (extract(epoch from l.lease_until - clock_timestamp()) * 1000)::bigint,
               s.stopped_at is not null, s.error, false, s.query
          from "${schema}".subscriptions as s
          join "${schema}".leases as l on l.name = s.name and l.partition = s.partition
         where s.name = _name
         order by s.partition;
      continue;
    end if;

    update "${schema}".subscription_members as m
       set alive_until = clock_timestamp() + _ttl
     where m.name = _name and m.owner = _owner;
    if not found then
      perform "${schema}".join_members(_name, _owner, _ttl);
    end if;

    update "${schema}".leases as l
       set lease_until = clock_timestamp() + _ttl
     where l.name = _name
       and l.partition in (select o.partition
                             from "${schema}".leases as o
                            where o.name = _name and o.owner = _owner
                              for no key update skip locked);

    perform "${schema}".divide_anew(_name);

    select array_agg(m.owner) into _live
      from "${schema}".subscription_members as m
     where m.name = _name and m.alive_until > clock_timestamp();

    -- Free ones that are for this node rather than for another.
    loop
      with shares as materialized (
        select * from "${schema}".members_by_partition(_name, _live))
      select array_agg(m.partition) into _mine
        from shares as m
        join "${schema}".subscriptions as s on s.name = _name and s.partition = m.partition
        join "${schema}".leases as l on l.name = _name and l.partition = m.partition
       where m.member = _owner
         and s.stopped_at is null
         and (l.owner is null or l.lease_until < clock_timestamp())
         and not exists (select from shares as o
                          where o.partition = m.partition
                            and (o.reluctance, o.held) < (m.reluctance, m.held));
      exit when _mine is null;
      -- Conditions on these two rows: they are checked again once the rows are locked, and the
      -- subscription may just have been declared anew.
      select l.partition, l.owner into _partition, _last
        from "${schema}".leases as l
        join "${schema}".subscriptions as s on s.name = l.name and s.partition = l.partition
       where l.name = _name
         and l.partition = any (_mine)
         and s.stopped_at is null
         and (l.owner is null or l.lease_until < clock_timestamp())
         and (s.query is null or s.query = _query)
       order by l.partition
       limit 1
         for no key update skip locked;
      exit when not found;
      update "${schema}".subscriptions as s
         set owner = _owner,
             epoch = s.epoch + 1,
             -- The last owner did not release it: the event that it handled may have killed it.
             attempts = s.attempts
                        + case when _last is not null and s.attempt_position is null then 1 else 0 end
       where s.name = _name and s.partition = _partition
      returning s.epoch into _epoch;
      update "${schema}".leases as l
         set owner = _owner, epoch = _epoch, lease_until = clock_timestamp() + _ttl
       where l.name = _name and l.partition = _partition;
    end loop;

    with shares as materialized (
      select * from "${schema}".members_by_partition(_name, _live))
    select m.member, m.partition into _giver, _back
      from shares as m
      join "${schema}".leases as l
        on l.name = _name and l.partition = m.partition and l.owner = m.member
     where exists (select from shares as o
                    where o.partition = m.partition
                      and o.held + 1 < m.held
                      and o.reluctance <= m.reluctance)
     order by m.held desc, m.member, m.partition desc
     limit 1;

    return query
      select s.name, s.partition, s.partitions, s."position", l.epoch, l.owner,
             (extract(epoch from l.lease_until - clock_timestamp()) * 1000)::bigint,
             s.stopped_at is not null, s.error,
             coalesce(_giver = _owner and l.owner = _owner and s.partition = _back, false),
             s.query
        from "${schema}".subscriptions as s
        join "${schema}".leases as l on l.name = s.name and l.partition = s.partition
       where s.name = _name
       order by s.partition;
  end loop;
end
$$;

-- How many partitions each live member has, and how reluctant it is to have each of them: 2 if it
-- cannot decode an event after the present checkpoint, 1 if it could not decode one that the
-- checkpoint has passed in the last ten minutes, 0 otherwise. The 1 keeps a node of an earlier
-- deployment from taking back what it would decline again at the next such event.
create function "${schema}".members_by_partition(_name text, _live text[])
returns table (partition integer, member text, held bigint, reluctance integer)
language sql stable
as $$
  select s.partition, m.owner, m.held,
         case when d.owner is null then 0
              when d."position" > s."position" then 2
              when d.at > clock_timestamp() - interval '10 minutes' then 1
              else 0 end
    from "${schema}".subscriptions as s
   cross join (select l.owner, count(o.partition) as held
                 from unnest(_live) as l (owner)
                 left join "${schema}".leases as o
                   on o.name = _name and o.owner = l.owner
                group by l.owner) as m
    left join "${schema}".subscription_declines as d
      on d.name = _name and d.partition = s.partition and d.owner = m.owner
   where s.name = _name
$$;

-- Makes a node a member that has declined nothing, and removes what is left of members that ended
-- without leaving. If two join at once, one does this; neither waits.
create function "${schema}".join_members(_name text, _owner text, _ttl interval) returns void
language plpgsql volatile
as $$
begin
  insert into "${schema}".subscription_members as m (name, owner, alive_until)
  values (_name, _owner, clock_timestamp() + _ttl)
      on conflict on constraint subscription_members_pkey do nothing;
  delete from "${schema}".subscription_members as m
   where m.name = _name
     and m.owner in (select d.owner
                       from "${schema}".subscription_members as d
                      where d.name = _name and d.alive_until < clock_timestamp() - 10 * _ttl
                        for update skip locked);
  delete from "${schema}".subscription_declines as d
   where d.name = _name
     and (d.owner = _owner
       or not exists (select from "${schema}".subscription_members as m
                       where m.name = _name and m.owner = d.owner))
     and (d.partition, d.owner) in (select l.partition, l.owner
                                      from "${schema}".subscription_declines as l
                                     where l.name = _name
                                       for update skip locked);
end
$$;

-- Declines a partition for its owner, which cannot decode the event at a position, and releases its
-- lease, if another live member has not declined it; the attempt at that event does not count.
--
-- Returns whether the lease was released: if not, no other member is left to try, and the caller
-- applies its failure policy. Null if the tenure is over. Called in the transaction that applies
-- the policy: a member that joins meanwhile waits for that transaction.
create function "${schema}".decline_partition(
  _name text,
  _partition integer,
  _owner text,
  _epoch bigint,
  _position bigint,
  _reason text
)
returns boolean
language plpgsql volatile
as $$
declare
  _checkpoint bigint;
begin
  -- First, so that what follows is read when no other transaction changes it.
  select s."position" into _checkpoint
    from "${schema}".subscriptions as s
   where s.name = _name and s.partition = _partition and s.owner = _owner and s.epoch = _epoch
     for no key update;
  if not found then
    return null;
  end if;
  perform from "${schema}".leases as l
    where l.name = _name and l.partition = _partition and l.owner = _owner and l.epoch = _epoch
      for no key update;
  if not found then
    return null;
  end if;
  insert into "${schema}".subscription_declines as d (name, partition, owner, position, reason)
  values (_name, _partition, _owner, _position, _reason)
      on conflict on constraint subscription_declines_pkey do update
     set position = excluded.position, reason = excluded.reason, at = clock_timestamp();
  perform from "${schema}".subscription_members as m
    where m.name = _name and m.owner <> _owner and m.alive_until > clock_timestamp()
      and not exists (select from "${schema}".subscription_declines as d
                       where d.name = _name and d.partition = _partition and d.owner = m.owner
                         and d."position" > _checkpoint);
  if not found then
    return false;
  end if;
  update "${schema}".subscriptions as s
     set attempts = greatest(s.attempts - 1, 0),
         attempt_position = case when s.attempts <= 1 then null else s.attempt_position end
   where s.name = _name and s.partition = _partition and s.attempt_position = _position;
  update "${schema}".leases as l
     set owner = null, lease_until = null
   where l.name = _name and l.partition = _partition;
  return true;
end
$$;

-- Divides the partitions of a subscription anew, if all of them have reached the barrier.
create function "${schema}".divide_anew(_name text) returns void
language plpgsql volatile
as $$
declare
  _barrier bigint;
  _waiting boolean;
  _locked bigint;
  _next integer;
  _query text;
  _epoch bigint;
begin
  if not exists (select from "${schema}".subscriptions as s
                  where s.name = _name and s.next_partitions is not null) then
    return;
  end if;
  -- Without waiting for a transaction that may wait for the caller.
  perform from "${schema}".subscriptions as s
    join "${schema}".leases as l on l.name = s.name and l.partition = s.partition
    where s.name = _name
      for update skip locked;
  get diagnostics _locked = row_count;
  select max(s.barrier), bool_or(s."position" < s.barrier) or count(*) > _locked,
         max(s.next_partitions), max(s.query), max(s.epoch) + 1
    into _barrier, _waiting, _next, _query, _epoch
    from "${schema}".subscriptions as s
   where s.name = _name;
  if _next is null or _waiting then
    return;
  end if;
  insert into "${schema}".leases as l (name, partition)
  select _name, n from generate_series(0, _next - 1) as n
      on conflict on constraint leases_pkey do update
     set owner = null, lease_until = null;
  -- With the epoch of the largest: a node that still believes that it has one of them writes
  -- nothing.
  insert into "${schema}".subscriptions as s (name, partition, partitions, position, query, epoch)
  select _name, n, _next, _barrier, _query, _epoch
    from generate_series(0, _next - 1) as n
      on conflict on constraint subscriptions_pkey do update
     set partitions = excluded.partitions, position = excluded.position, epoch = excluded.epoch,
         query = excluded.query,
         owner = null, barrier = null, next_partitions = null,
         attempts = 0, attempt_position = null, updated_at = clock_timestamp();
  delete from "${schema}".subscriptions as s where s.name = _name and s.partition >= _next;
  delete from "${schema}".leases as l where l.name = _name and l.partition >= _next;
  delete from "${schema}".subscription_declines as d where d.name = _name;
end
$$;

-- Creates the partitions of a subscription, or requests another number of them: then none moves
-- beyond the highest checkpoint, and when all have reached it they are divided anew. The caller is
-- a member from then on.
--
-- Returns null, or, if the subscription is declared with another query than the caller's, that
-- query: then nothing was changed. A query that the caller replaces is replaced: from the
-- checkpoints on, the caller's query applies, and batches that were begun under the old one can no
-- longer be committed.
create function "${schema}".arrange_partitions(
  _name text,
  _partitions integer,
  _start bigint,
  _query text,
  _replaced text[],
  _owner text,
  _lease_time bigint  -- milliseconds
)
returns text
language plpgsql volatile
as $$
declare
  _of integer;
  _declared text;
begin
  -- The transaction that creates the first one creates all; others wait for it here.
  insert into "${schema}".leases as l (name, partition)
  values (_name, 0)
      on conflict on constraint leases_pkey do nothing;
  insert into "${schema}".subscriptions as s (name, partition, partitions, position, query)
  values (_name, 0, _partitions, _start, _query)
      on conflict on constraint subscriptions_pkey do nothing;
  if found then
    insert into "${schema}".leases as l (name, partition)
    select _name, n from generate_series(1, _partitions - 1) as n
        on conflict on constraint leases_pkey do nothing;
    insert into "${schema}".subscriptions as s (name, partition, partitions, position, query)
    select _name, n, _partitions, _start, _query from generate_series(1, _partitions - 1) as n;
    perform "${schema}".join_members(_name, _owner, _lease_time * interval '1 ms');
    return null;
  end if;

  perform from "${schema}".subscriptions as s
    where s.name = _name order by s.partition for update;
  perform from "${schema}".leases as l
    where l.name = _name order by l.partition for update;
  select max(s.partitions), max(s.query) into _of, _declared
    from "${schema}".subscriptions as s
   where s.name = _name;
  if _declared is null then
    update "${schema}".subscriptions as s set query = _query where s.name = _name;
  elsif _declared <> _query and _declared = any (_replaced) then
    update "${schema}".subscriptions as s
       set query = _query, epoch = s.epoch + 1, owner = null,
           attempts = 0, attempt_position = null
     where s.name = _name;
    update "${schema}".leases as l
       set owner = null, lease_until = null
     where l.name = _name;
    -- A locked member is just being renewed; its node removes it the next time.
    delete from "${schema}".subscription_members as m
     where m.name = _name
       and m.owner in (select d.owner
                         from "${schema}".subscription_members as d
                        where d.name = _name
                          for update skip locked);
    delete from "${schema}".subscription_declines as d where d.name = _name;
  elsif _declared <> _query then
    return _declared;
  end if;

  update "${schema}".subscriptions as s
     set barrier = case when _of = _partitions then null
                        else (select max(o."position") from "${schema}".subscriptions as o
                               where o.name = _name) end,
         next_partitions = case when _of = _partitions then null else _partitions end
   where s.name = _name
     and s.next_partitions is distinct from case when _of = _partitions then null else _partitions end;

  -- A caller that starts it requests a retry.
  update "${schema}".subscriptions as s
     set stopped_at = null, error = null, attempts = 0, attempt_position = null
   where s.name = _name and s.stopped_at is not null;
  perform "${schema}".divide_anew(_name);
  perform "${schema}".join_members(_name, _owner, _lease_time * interval '1 ms');
  return null;
end
$$;

-- Writes notes, or removes those with a null value, if the caller still has the lease. The lease's
-- row is locked first, and what follows has a snapshot of its own: a node that takes the lease
-- waits and finds all notes, or has taken it before, and then nothing is written.
create function "${schema}".note_in_lease(
  _name text,
  _partition integer,
  _owner text,
  _epoch bigint,
  _keys text[],
  _values text[]
)
returns boolean
language plpgsql volatile
as $$
begin
  perform from "${schema}".leases as l
    where l.name = _name and l.partition = _partition and l.owner = _owner and l.epoch = _epoch
      for update;
  if not found then
    return false;
  end if;
  delete from "${schema}".lease_notes as n
   where n.name = _name
     and n.partition = _partition
     and n.key in (select u.key from unnest(_keys, _values) as u (key, value)
                    where u.value is null);
  insert into "${schema}".lease_notes as n (name, partition, key, value)
  select _name, _partition, u.key, u.value
    from unnest(_keys, _values) as u (key, value)
   where u.value is not null
      on conflict on constraint lease_notes_pkey do update set value = excluded.value;
  return true;
end
$$;

-- Replaces one note if the caller still has the lease, the server is in the given incarnation, and
-- the note is still as the caller expects; null for none. When this has committed, it is as durable
-- as anything that was committed before: it is flushed even if the session commits asynchronously.
-- So a server that has this note has everything that its writer had read (docs/adr/0022).
create function "${schema}".replace_note_in_lease(
  _name text,
  _partition integer,
  _owner text,
  _epoch bigint,
  _incarnation text,
  _key text,
  _expected text,
  _value text
)
returns boolean
language plpgsql volatile
as $$
begin
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'local', true);
  end if;
  -- As in note_in_lease: the next statement sees what the previous owner has noted.
  perform from "${schema}".leases as l
    where l.name = _name and l.partition = _partition and l.owner = _owner and l.epoch = _epoch
      for update;
  if not found or "${schema}".incarnation() is distinct from _incarnation then
    return false;
  end if;
  if _expected is null then
    insert into "${schema}".lease_notes as n (name, partition, key, value)
    values (_name, _partition, _key, _value)
        on conflict on constraint lease_notes_pkey do nothing;
  else
    update "${schema}".lease_notes as n
       set value = _value
     where n.name = _name and n.partition = _partition and n.key = _key and n.value = _expected;
  end if;
  return found;
end
$$;

-- --- Erasing -----------------------------------------------------------------------------------

-- Erasing: what readers no longer see, what is deleted, and what is blanked (docs/adr/0007). These
-- functions run with the rights of their owner. No other role may change an event, and only the role
-- of erasers may call them (roles.sql).
--
-- All functions below lock the stream's row first, so that they and appends to it come one after
-- the other; a lock on events, which holds the high-water mark back, comes last and for long enough
-- to change the rows of one batch.

-- Hides the events of a stream below a version. The stream's row is locked.
create function "${schema}".hide(_stream text, _before bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into "${schema}".truncations as t (stream_id, before, hidden_up_to)
  select _stream, _before, e."position"
    from "${schema}".events as e
   where e.stream_id = _stream and e.version < _before
   order by e.version desc
   limit 1
      on conflict on constraint truncations_pkey do update
     set before = excluded.before, hidden_up_to = excluded.hidden_up_to;

  -- Snapshots contain what these events have set.
  delete from "${schema}".snapshots as s where s.stream_id = _stream;

  -- Readers keep their plans, and one that was made for an empty table reads all of it, for each
  -- event. New statistics make new plans; the next ones are due when the table has doubled.
  if pg_relation_size('"${schema}".truncations') > (
       select 2 * c.relpages::bigint * current_setting('block_size')::bigint
         from pg_class as c
        where c.oid = '"${schema}".truncations'::regclass)
  then
    analyze "${schema}".truncations;
  end if;
end
$$;

-- Hides the events of a stream that have lower versions. The last event always stays: readers know
-- the version of the stream by it.
create function "${schema}".truncate_before(
  _stream text,
  _version bigint,
  out outcome integer,  -- 0 done, 1 it was so already, 2 no such stream, 3 beyond the last version, 4 tombstoned
  out first bigint      -- the first event that readers see; if beyond, the last version of the stream
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _last bigint;
  _tombstoned boolean;
begin
  select s.version, s.tombstoned_at is not null into _last, _tombstoned
    from "${schema}".streams as s
   where s.stream_id = _stream and s.version > 0
     for update;
  if not found then
    outcome := 2;
  elsif _tombstoned then
    outcome := 4;
  elsif _version > _last then
    outcome := 3;
    first := _last;
  else
    first := coalesce(
      (select t.before from "${schema}".truncations as t where t.stream_id = _stream),
      (select min(e.version) from "${schema}".events as e where e.stream_id = _stream));
    if _version <= first then
      outcome := 1;
    else
      outcome := 0;
      first := _version;
      perform "${schema}".hide(_stream, _version);
      insert into "${schema}".erasures (action, stream_id, version, by)
      values ('truncate', _stream, _version, session_user);
    end if;
  end if;
end
$$;

-- Ends a stream permanently: its events are hidden, and append refuses it from now on.
create function "${schema}".tombstone(
  _stream text,
  out outcome integer,  -- 0 done, 1 it was so already, 2 no such stream
  out last bigint       -- the version of the stream, which stays
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _tombstoned boolean;
begin
  select s.version, s.tombstoned_at is not null into last, _tombstoned
    from "${schema}".streams as s
   where s.stream_id = _stream and s.version > 0
     for update;
  if not found then
    outcome := 2;
  elsif _tombstoned then
    outcome := 1;
  else
    outcome := 0;
    update "${schema}".streams as s set tombstoned_at = clock_timestamp() where s.stream_id = _stream;
    perform "${schema}".hide(_stream, last + 1);
    insert into "${schema}".erasures (action, stream_id, version, by)
    values ('tombstone', _stream, last, session_user);
  end if;
end
$$;

-- Blanks one event in place. Its position, stream, version, id and time stay.
create function "${schema}".erase(
  _stream text,
  _version bigint,
  _reason text,
  out outcome integer  -- 0 done, 1 it was so already, 2 no such stream, 3 no such event, or purged
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _type text;
  _rows bigint;
begin
  perform from "${schema}".streams as s where s.stream_id = _stream and s.version > 0 for update;
  if not found then
    outcome := 2;
    return;
  end if;
  -- Locked before it is changed, because a purge does not wait for the stream's row.
  select e.type into _type
    from "${schema}".events as e
   where e.stream_id = _stream and e.version = _version
     for update;
  if not found then
    outcome := 3;
    return;
  end if;
  -- Also the second time: a snapshot may have been in progress the first time.
  delete from "${schema}".snapshots as s where s.stream_id = _stream;
  if _type = '$erased' then
    outcome := 1;
  else
    outcome := 0;
    insert into "${schema}".erasures (action, stream_id, version, type, reason, by)
    values ('erase', _stream, _version, _type, _reason, session_user);
    update "${schema}".events as e
       set type = '$erased', revision = 1, data = '{}', metadata = null
     where e.stream_id = _stream and e.version = _version;
    get diagnostics _rows = row_count;
    if _rows <> 1 then
      raise exception 'erasing version % of stream % changed % rows, not one: nothing was done',
        _version, _stream, _rows using errcode = 'assert_failure';
    end if;
  end if;
end
$$;

-- Deletes hidden events of a stream, the oldest first. A delete takes the lock on events that holds
-- the high-water mark back until it is committed, so this is to be called in short transactions,
-- again and again until nothing is left. It waits for other purges of the stream and not for appends.
create function "${schema}".purge(
  _stream text,
  _limit integer,
  out outcome integer,  -- 0 done, 2 no such stream
  out purged integer,
  out nothing_left boolean
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  _before bigint;
begin
  outcome := 0;
  purged := 0;
  select t.before into _before
    from "${schema}".truncations as t
   where t.stream_id = _stream
     for update;
  if not found then
    nothing_left := true;
    if not exists (select from "${schema}".streams as s where s.stream_id = _stream and s.version > 0) then
      outcome := 2;
    end if;
    return;
  end if;

  with gone as (
    delete from "${schema}".events as e
     where e.stream_id = _stream
       and e.version in (select o.version
                           from "${schema}".events as o
                          where o.stream_id = _stream and o.version < _before
                          order by o.version
                          limit _limit)
    returning e."position", e.id
  ), kept as (
    insert into "${schema}".purged_events ("position", id)
    select g."position", g.id from gone as g
    returning 1
  )
  select count(*) into purged from kept;

  nothing_left := not exists (
    select from "${schema}".events as e where e.stream_id = _stream and e.version < _before);
  if nothing_left then
    delete from "${schema}".truncations as t where t.stream_id = _stream;
  end if;
end
$$;

revoke all on function
  "${schema}".hide(text, bigint),
  "${schema}".truncate_before(text, bigint),
  "${schema}".tombstone(text),
  "${schema}".erase(text, bigint, text),
  "${schema}".purge(text, integer)
  from public;
