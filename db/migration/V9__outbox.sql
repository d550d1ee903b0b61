-- What a relay keeps here, and the messages that wait for one.

-- What owners of a lease leave for the next one. Few and small; they change seldom.
create table "${schema}".lease_notes (
  partition integer not null,
  name text collate "C" not null,
  key text collate "C" not null,
  value text not null,
  constraint lease_notes_pkey primary key (name, partition, key),
  constraint lease_notes_of_lease foreign key (name, partition)
    references "${schema}".subscriptions (name, partition) on delete cascade
);

-- Notes something, or takes notes away where the value is null, if the caller still has the lease.
-- The lease's row is locked first, and what follows has a snapshot of its own: whoever takes the
-- lease waits and finds all of it, or has taken it, and then nothing is written.
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
  perform from "${schema}".subscriptions as s
    where s.name = _name and s.partition = _partition and s.owner = _owner and s.epoch = _epoch
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

-- Draws a position for a message, from the sequence of the events: they stand in one order. All who
-- draw from it hold the same lock on events, taken before, so the fence sees one kind of holder
-- (docs/adr/0011). It runs with the owner's rights, since nobody else may draw; whoever calls it for
-- nothing burns a position.
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
  -- What is deleted is to be used again soon, whatever the size was at its peak: by the number of
  -- rows, not by a part of them, and without pauses. Its end is not cut off, which would take a lock
  -- that appends wait for, over and over.
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
language plpgsql volatile
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

-- What the fence observes (docs/adr/0001), now that not everything with a position stays: the last
-- position that was drawn, and only then who holds the lock under which positions are drawn. The
-- proof needs that order, so each is a statement of its own. Prepared transactions have no process.
drop function "${schema}".observe_fence();
create function "${schema}".observe_fence(
  out drawn bigint,
  out visible bigint,      -- the largest position of an event
  out incarnation text,
  out is_standby boolean,  -- locks of the primary are not visible there: the rest means nothing
  out holders text[],
  out pids integer[]
)
language plpgsql stable
set enable_seqscan = off   -- the plan is kept, and may be of the time when events had a page or two
as $$
begin
  drawn := coalesce(
    pg_catalog.pg_sequence_last_value('"${schema}".events_position_seq'::pg_catalog.regclass), 0);
  select (select coalesce(max(e."position"), 0) from "${schema}".events as e),
         "${schema}".incarnation(),
         pg_catalog.pg_is_in_recovery(),
         array_agg(l.virtualtransaction),
         array_agg(l.pid)
    into visible, incarnation, is_standby, holders, pids
    from pg_catalog.pg_locks as l
   where l.locktype = 'relation'
     and l.database = (select d.oid from pg_catalog.pg_database as d
                        where d.datname = pg_catalog.current_database())
     and l.relation = '"${schema}".events'::pg_catalog.regclass
     and l.mode = 'RowExclusiveLock'
     and l.granted;
end
$$;

-- Messages that wait for a relay, in the global order: so many, or fewer that take so many bytes.
-- It stops where it has enough, and so reads no more than it gives. By the index, whatever the
-- statistics say: they are of a table that is large at one time and empty at another.
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

-- Deletes messages that were published. Whoever deletes batch after batch says where the last one
-- ended: to look at what was deleted and is yet to be vacuumed costs as much as to delete it.
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
