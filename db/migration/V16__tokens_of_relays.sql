-- By which a relay finds out that the database went back behind what it has published.

-- Replaces one note if the caller still has the lease, the server is in the given incarnation, and
-- the note still is what the caller takes it for; null for none. When this has committed, it is as
-- durable as anything that was committed before: it is flushed even if the session commits
-- asynchronously. So a server that has this note has all that its writer had read (docs/adr/0022).
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
  -- As in note_in_lease: what follows sees what the one before has noted.
  perform from "${schema}".subscriptions as s
    where s.name = _name and s.partition = _partition and s.owner = _owner and s.epoch = _epoch
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

create or replace function "${schema}".schema_version(out version integer, out serves_from integer)
language sql immutable parallel safe
as $$
  select 16, 15
$$;
