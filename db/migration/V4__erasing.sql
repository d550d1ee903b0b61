-- Erasing: what readers no longer see, what is deleted, and what is blanked (docs/adr/0007).
-- The functions run with the rights of their owner. Nobody but the owner may change an event
-- otherwise, and nobody but the role of the erasers may call them (roles.sql).

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

-- Who took away what, and why. Rows are inserted and never changed.
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

-- As in the first migration, but the largest position counts as visible when its event was purged:
-- the mark would otherwise stand behind what readers have passed already.
create or replace function "${schema}".observe_fence(
  out visible bigint,
  out incarnation text,
  out is_standby boolean,
  out holders text[],
  out pids integer[]
)
language sql stable
as $$
  select greatest((select coalesce(max(e."position"), 0) from "${schema}".events as e),
                  (select max(p."position") from "${schema}".purged_events as p)),
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

  -- What was made of these events shows them.
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

-- Hides the events of a stream that have lower versions. The last event always stays: by it readers
-- know the version of the stream.
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

-- Ends a stream for good: its events are hidden, and append refuses it from now on.
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
  -- Also the second time: one may have been on its way the first time.
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
