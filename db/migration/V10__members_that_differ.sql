-- Nodes of one subscription that differ: in the query that they declare, and in the events that they
-- can decode.

alter table "${schema}".subscriptions
  add column query text;

comment on column "${schema}".subscriptions.query is
  'Which events the subscription was declared for. A node that declares others does not join. Null: the next node that starts it says so.';

-- A node declines a partition while it cannot decode the event at a position behind its checkpoint.
-- One row for each node, of its latest; it goes with the node.
create table "${schema}".subscription_declines (
  "position" bigint not null,
  at timestamptz not null default clock_timestamp(),
  partition integer not null,
  name text collate "C" not null,
  owner text not null,
  reason text not null,
  constraint subscription_declines_pkey primary key (name, partition, owner)
);

drop function "${schema}".keep_leases(text, text[], bigint[]);
drop function "${schema}".arrange_partitions(text, integer, bigint);

-- Keeps a node's subscriptions going: says that it lives, renews its leases, takes what it may, and
-- divides partitions anew where all have come to the barrier. Answers with all partitions of these
-- subscriptions as they are then.
--
-- A free partition is for the members that are least reluctant to have it (members_by_partition),
-- and among them for those that have the fewest. So it goes to a member that has declined it only if
-- all live ones have. The member that has the most is told to give one back while another, no more
-- reluctant to have it, has two fewer.
--
-- A node whose query is not the one that the subscription is declared with is no member: nothing is
-- renewed or taken, and the answer tells it the declaration.
--
-- Rows that are locked are skipped: they are seen to the next time.
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
language plpgsql volatile
as $$
declare
  _name text;
  _ttl interval;
  _query text;
  _live text[];
  _mine integer[];
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
        select s.name, s.partition, s.partitions, s."position", s.epoch, s.owner,
               (extract(epoch from s.lease_until - clock_timestamp()) * 1000)::bigint,
               s.stopped_at is not null, s.error, false, s.query
          from "${schema}".subscriptions as s
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

    -- Free ones that are for this node rather than for another.
    loop
      with shares as materialized (
        select * from "${schema}".members_by_partition(_name, _live))
      select array_agg(m.partition) into _mine
        from shares as m
        join "${schema}".subscriptions as f on f.name = _name and f.partition = m.partition
       where m.member = _owner
         and f.stopped_at is null
         and (f.owner is null or f.lease_until < clock_timestamp())
         and not exists (select from shares as o
                          where o.partition = m.partition
                            and (o.reluctance, o.held) < (m.reluctance, m.held));
      exit when _mine is null;
      update "${schema}".subscriptions as s
         set owner = _owner,
             epoch = s.epoch + 1,
             lease_until = clock_timestamp() + _ttl,
             -- The last owner did not give it back: maybe the event that it handled has killed it.
             attempts = s.attempts
                        + case when s.owner is not null and s.attempt_position is null
                               then 1 else 0 end
       where s.name = _name
         and s.partition = (select f.partition
                              from "${schema}".subscriptions as f
                             where f.name = _name
                               and f.partition = any (_mine)
                               and f.stopped_at is null
                               and (f.owner is null or f.lease_until < clock_timestamp())
                               -- Of this row: only that is looked at again once it is locked, and
                               -- it may just have been declared anew.
                               and (f.query is null or f.query = _query)
                             order by f.partition
                             limit 1
                               for no key update skip locked);
      exit when not found;
    end loop;

    with shares as materialized (
      select * from "${schema}".members_by_partition(_name, _live))
    select m.member, m.partition into _giver, _back
      from shares as m
      join "${schema}".subscriptions as s
        on s.name = _name and s.partition = m.partition and s.owner = m.member
     where exists (select from shares as o
                    where o.partition = m.partition
                      and o.held + 1 < m.held
                      and o.reluctance <= m.reluctance)
     order by m.held desc, m.member, m.partition desc
     limit 1;

    return query
      select s.name, s.partition, s.partitions, s."position", s.epoch, s.owner,
             (extract(epoch from s.lease_until - clock_timestamp()) * 1000)::bigint,
             s.stopped_at is not null, s.error,
             coalesce(_giver = _owner and s.owner = _owner and s.partition = _back, false),
             s.query
        from "${schema}".subscriptions as s
       where s.name = _name
       order by s.partition;
  end loop;
end
$$;

-- How many partitions each live member has, and how reluctant it is to have each of them: 2 if it
-- cannot decode an event behind the present checkpoint, 1 if it could not decode one that the
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
                 left join "${schema}".subscriptions as o
                   on o.name = _name and o.owner = l.owner
                group by l.owner) as m
    left join "${schema}".subscription_declines as d
      on d.name = _name and d.partition = s.partition and d.owner = m.owner
   where s.name = _name
$$;

-- Makes a node a member that has declined nothing, and removes what is left of members that went
-- without a word. Of two that come at once one does this; none waits.
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

-- Declines a partition for its owner, which cannot decode the event at a position, and gives its
-- lease back, if another live member has not declined it; the attempt at that event does not count.
--
-- Answers whether the lease was given back: if not, no other member is left to try, and the caller
-- does what its failure policy says. Null if the tenure is over. In a transaction with what the
-- policy does: a member that joins meanwhile waits for that transaction.
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
     set owner = null, lease_until = null,
         attempts = case when s.attempt_position = _position then greatest(s.attempts - 1, 0)
                         else s.attempts end,
         attempt_position = case when s.attempt_position = _position and s.attempts <= 1 then null
                                 else s.attempt_position end
   where s.name = _name and s.partition = _partition;
  return true;
end
$$;

-- Divides the partitions of a subscription anew, if all of them have come to the barrier.
create or replace function "${schema}".divide_anew(_name text) returns void
language plpgsql volatile
as $$
declare
  _barrier bigint;
  _waiting boolean;
  _locked bigint;
  _next integer;
  _query text;
begin
  if not exists (select from "${schema}".subscriptions as s
                  where s.name = _name and s.next_partitions is not null) then
    return;
  end if;
  -- Without waiting for a transaction that may wait for the caller.
  perform from "${schema}".subscriptions as s where s.name = _name for update skip locked;
  get diagnostics _locked = row_count;
  select max(s.barrier), bool_or(s."position" < s.barrier) or count(*) > _locked,
         max(s.next_partitions), max(s.query)
    into _barrier, _waiting, _next, _query
    from "${schema}".subscriptions as s
   where s.name = _name;
  if _next is null or _waiting then
    return;
  end if;
  -- With the epoch of the largest: a node that still thinks that it has one of them writes nothing.
  insert into "${schema}".subscriptions as s (name, partition, partitions, position, query, epoch)
  select _name, n, _next, _barrier, _query,
         (select max(o.epoch) + 1 from "${schema}".subscriptions as o where o.name = _name)
    from generate_series(0, _next - 1) as n
      on conflict on constraint subscriptions_pkey do update
     set partitions = excluded.partitions, position = excluded.position, epoch = excluded.epoch,
         query = excluded.query,
         owner = null, lease_until = null, barrier = null, next_partitions = null,
         attempts = 0, attempt_position = null, updated_at = clock_timestamp();
  delete from "${schema}".subscriptions as s where s.name = _name and s.partition >= _next;
  delete from "${schema}".subscription_declines as d where d.name = _name;
end
$$;

-- Makes the partitions of a subscription, or asks for another number of them: then none moves beyond
-- the one that has come furthest, and when all stand there they are divided anew. The caller is a
-- member from then on.
--
-- Answers with null, or, if the subscription is declared with another query than the caller's, with
-- that one: then nothing was changed. One that the caller replaces is replaced: from the checkpoints
-- on the caller's query counts, and what was begun under the old one cannot be committed any more.
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
  -- The transaction that makes the first one makes all; others wait for it here.
  insert into "${schema}".subscriptions as s (name, partition, partitions, position, query)
  values (_name, 0, _partitions, _start, _query)
      on conflict on constraint subscriptions_pkey do nothing;
  if found then
    insert into "${schema}".subscriptions as s (name, partition, partitions, position, query)
    select _name, n, _partitions, _start, _query from generate_series(1, _partitions - 1) as n;
    perform "${schema}".join_members(_name, _owner, _lease_time * interval '1 ms');
    return null;
  end if;

  perform from "${schema}".subscriptions as s
    where s.name = _name order by s.partition for update;
  select max(s.partitions), max(s.query) into _of, _declared
    from "${schema}".subscriptions as s
   where s.name = _name;
  if _declared is null then
    update "${schema}".subscriptions as s set query = _query where s.name = _name;
  elsif _declared <> _query and _declared = any (_replaced) then
    update "${schema}".subscriptions as s
       set query = _query, epoch = s.epoch + 1, owner = null, lease_until = null,
           attempts = 0, attempt_position = null
     where s.name = _name;
    -- A member that is locked is just being prolonged; its node removes it the next time.
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

  -- A caller that starts it wants it to be tried again.
  update "${schema}".subscriptions as s
     set stopped_at = null, error = null, attempts = 0, attempt_position = null
   where s.name = _name and s.stopped_at is not null;
  perform "${schema}".divide_anew(_name);
  perform "${schema}".join_members(_name, _owner, _lease_time * interval '1 ms');
  return null;
end
$$;
