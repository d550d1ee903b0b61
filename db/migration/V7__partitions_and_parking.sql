-- Subscriptions on several nodes: who handles which partition, and what was set aside.

alter table "${schema}".subscriptions
  add column barrier bigint,
  add column attempt_position bigint,
  add column stopped_at timestamptz,
  add column partitions integer not null default 1,
  add column next_partitions integer,
  add column attempts integer not null default 0,
  add column error text;

comment on column "${schema}".subscriptions.barrier is
  'While the number of partitions changes: no partition moves beyond it, and when all stand there they are divided anew.';
comment on column "${schema}".subscriptions.attempts is
  'How often the event at attempt_position was begun alone. Counted before its handler is called, so a handler that kills its process is counted too. With no position: leases that ended without being given back.';
comment on column "${schema}".subscriptions.stopped_at is
  'Since when the subscription has been stopped by an error; it is not handled until somebody starts it again.';

-- The nodes on which a subscription runs, so that they can share its partitions.
create table "${schema}".subscription_members (
  alive_until timestamptz not null,
  name text collate "C" not null,
  owner text not null,
  constraint subscription_members_pkey primary key (name, owner)
);

-- A stream is parked while it has a row here. Whoever parks its later events, replays them or ends
-- the parking locks the row, so they come one after the other.
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

-- What was given up, by whom and why. Rows are inserted and never changed.
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

-- Keeps a node's subscriptions going: says that it lives, renews its leases, takes what it may, and
-- divides partitions anew where all have come to the barrier. Answers with all partitions of these
-- subscriptions as they are then.
--
-- A node takes free partitions as long as no other member has fewer. The one that has the most is
-- told to give one back while another has two fewer.
--
-- Rows that somebody has locked are passed over: they are seen to the next time.
create function "${schema}".keep_leases(
  _owner text,
  _names text[],
  _lease_times bigint[]  -- milliseconds
)
returns table (
  subscription text,
  number integer,
  of integer,
  reached bigint,
  tenure bigint,
  holder text,
  lease_left bigint,   -- milliseconds; negative if it has run out; null if there is none
  is_stopped boolean,
  why_stopped text,
  gives_back boolean   -- the caller is to give this one back
)
language plpgsql volatile
as $$
declare
  _name text;
  _ttl interval;
  _live text[];
  _mine bigint;
  _least bigint;
  _most bigint;
  _giver text;
begin
  for _i in 1 .. cardinality(_names) loop
    _name := _names[_i];
    _ttl := _lease_times[_i] * interval '1 ms';

    update "${schema}".subscription_members as m
       set alive_until = clock_timestamp() + _ttl
     where m.name = _name and m.owner = _owner;
    if not found then
      insert into "${schema}".subscription_members as m (name, owner, alive_until)
      values (_name, _owner, clock_timestamp() + _ttl)
          on conflict on constraint subscription_members_pkey do nothing;
      -- Those that went without a word. Of two that come at once one does this; none waits.
      delete from "${schema}".subscription_members as m
       where m.name = _name
         and m.owner in (select d.owner
                           from "${schema}".subscription_members as d
                          where d.name = _name and d.alive_until < clock_timestamp() - 10 * _ttl
                            for update skip locked);
    end if;

    update "${schema}".subscriptions as s
       set lease_until = clock_timestamp() + _ttl
     where s.name = _name
       and s.partition in (select l.partition
                             from "${schema}".subscriptions as l
                            where l.name = _name and l.owner = _owner
                              for no key update skip locked);

    perform "${schema}".divide_anew(_name);

    select array_agg(m.owner) into _live
      from "${schema}".subscription_members as m
     where m.name = _name and m.alive_until > clock_timestamp();

    -- Free ones, as long as no other member has fewer.
    loop
      select min(h.held), max(h.held), max(h.held) filter (where h.owner = _owner),
             min(h.owner) filter (where h.held = h.highest)
        into _least, _most, _mine, _giver
        from (select l.owner, count(s.partition) as held,
                     max(count(s.partition)) over () as highest
                from unnest(_live) as l (owner)
                left join "${schema}".subscriptions as s
                  on s.name = _name and s.owner = l.owner
               group by l.owner) as h;
      exit when _mine > _least;
      update "${schema}".subscriptions as s
         set owner = _owner,
             epoch = s.epoch + 1,
             lease_until = clock_timestamp() + _ttl,
             -- Whoever had it did not give it back: maybe what he was at has killed him.
             attempts = s.attempts
                        + case when s.owner is not null and s.attempt_position is null
                               then 1 else 0 end
       where s.name = _name
         and s.partition = (select f.partition
                              from "${schema}".subscriptions as f
                             where f.name = _name
                               and f.stopped_at is null
                               and (f.owner is null or f.lease_until < clock_timestamp())
                             order by f.partition
                             limit 1
                               for no key update skip locked);
      exit when not found;
    end loop;

    return query
      select s.name, s.partition, s.partitions, s."position", s.epoch, s.owner,
             (extract(epoch from s.lease_until - clock_timestamp()) * 1000)::bigint,
             s.stopped_at is not null, s.error,
             _most > _least + 1 and _giver = _owner and s.owner = _owner
               and s.partition = (select max(o.partition) from "${schema}".subscriptions as o
                                   where o.name = _name and o.owner = _owner)
        from "${schema}".subscriptions as s
       where s.name = _name
       order by s.partition;
  end loop;
end
$$;

-- Divides the partitions of a subscription anew, if all of them have come to the barrier.
create function "${schema}".divide_anew(_name text) returns void
language plpgsql volatile
as $$
declare
  _barrier bigint;
  _waiting boolean;
  _locked bigint;
  _next integer;
begin
  if not exists (select from "${schema}".subscriptions as s
                  where s.name = _name and s.next_partitions is not null) then
    return;
  end if;
  -- Without waiting for anybody, who may wait for the caller.
  perform from "${schema}".subscriptions as s where s.name = _name for update skip locked;
  get diagnostics _locked = row_count;
  select max(s.barrier), bool_or(s."position" < s.barrier) or count(*) > _locked,
         max(s.next_partitions)
    into _barrier, _waiting, _next
    from "${schema}".subscriptions as s
   where s.name = _name;
  if _next is null or _waiting then
    return;
  end if;
  -- With the epoch of the largest: whoever still thinks that he has one of them writes nothing.
  insert into "${schema}".subscriptions as s (name, partition, partitions, position, epoch)
  select _name, n, _next, _barrier,
         (select max(o.epoch) + 1 from "${schema}".subscriptions as o where o.name = _name)
    from generate_series(0, _next - 1) as n
      on conflict on constraint subscriptions_pkey do update
     set partitions = excluded.partitions, position = excluded.position, epoch = excluded.epoch,
         owner = null, lease_until = null, barrier = null, next_partitions = null,
         attempts = 0, attempt_position = null, updated_at = clock_timestamp();
  delete from "${schema}".subscriptions as s where s.name = _name and s.partition >= _next;
end
$$;

-- Makes the partitions of a subscription, or asks for another number of them: then none moves beyond
-- the one that has come furthest, and when all stand there they are divided anew.
create function "${schema}".arrange_partitions(_name text, _partitions integer, _start bigint)
returns void
language plpgsql volatile
as $$
declare
  _of integer;
begin
  -- Whoever makes the first one makes all; others wait for him here.
  insert into "${schema}".subscriptions as s (name, partition, partitions, position)
  values (_name, 0, _partitions, _start)
      on conflict on constraint subscriptions_pkey do nothing;
  if found then
    insert into "${schema}".subscriptions as s (name, partition, partitions, position)
    select _name, n, _partitions, _start from generate_series(1, _partitions - 1) as n;
    return;
  end if;

  perform from "${schema}".subscriptions as s
    where s.name = _name order by s.partition for update;
  select max(s.partitions) into _of from "${schema}".subscriptions as s where s.name = _name;
  update "${schema}".subscriptions as s
     set barrier = case when _of = _partitions then null
                        else (select max(o."position") from "${schema}".subscriptions as o
                               where o.name = _name) end,
         next_partitions = case when _of = _partitions then null else _partitions end
   where s.name = _name
     and s.next_partitions is distinct from case when _of = _partitions then null else _partitions end;

  -- Whoever starts it wants it to be tried again.
  update "${schema}".subscriptions as s
     set stopped_at = null, error = null, attempts = 0, attempt_position = null
   where s.name = _name and s.stopped_at is not null;
  perform "${schema}".divide_anew(_name);
end
$$;
