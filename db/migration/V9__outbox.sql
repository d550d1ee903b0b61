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
