-- How one incarnation of the server is told from the next, and which versions of projections are
-- not to come back.

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
insert into "${schema}".incarnations default values;

comment on table "${schema}".incarnations is
  'Emptied by PostgreSQL when it recovers from a crash; the next observation of the fence begins a new incarnation.';

-- Tells one incarnation of the server from the next: positions that one has handed out, what it has
-- committed asynchronously and the locks it has given may be unknown to the next. Null before one
-- has begun, which equals nothing, and on a standby, where unlogged tables cannot be read. It runs
-- with the owner's rights, so that roles that could call it before need no further ones.
create or replace function "${schema}".incarnation() returns text
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

-- Begins an incarnation, unless one has begun. Of several callers at once one does it, and the others
-- wait for that.
create function "${schema}".begin_incarnation() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into "${schema}".incarnations (is_present) values (true) on conflict do nothing
$$;

-- What the fence observes (docs/adr/0001): the last position that was drawn, and only then who holds
-- the lock under which positions are drawn. The proof needs that order, so each is a statement of its
-- own. Prepared transactions have no process.
create or replace function "${schema}".observe_fence(
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

-- Whoever waits for an append is told that it was given up.
create index discarded_events_of_stream
  on "${schema}".discarded_events (name, stream_id, version);

-- A version that was dropped is not made again, nor one that is older than what readers have seen:
-- a node that runs an old program may be started at any time.
alter table "${schema}".projections add column highest_version integer;
update "${schema}".projections set highest_version = live_version;

comment on column "${schema}".projections.highest_version is
  'The highest version that was ever live. A promotion goes upwards from there; showing an older one, or one that was taken back, is another call.';

create table "${schema}".dropped_projection_versions (
  dropped_at timestamptz not null default clock_timestamp(),
  version integer not null,
  name text collate "C" not null,
  by text not null default session_user,
  constraint dropped_projection_versions_pkey primary key (name, version)
);
