-- Least privilege for those who use the store. Run by whoever may create roles, once per schema,
-- after the migrations; running it again does no harm. ${schema} is replaced by the schema's name.
--
--   <schema>_owner   may migrate
--   <schema>_writer  appends and reads; cannot change or remove an event
--   <schema>_reader  reads, and runs subscriptions
--   <schema>_relay   reads, holds leases of relays, and deletes messages that are published
--   <schema>_eraser  truncates, tombstones, erases and purges, by functions; cannot even read
--
-- They cannot log in: grant them to the roles that do.

do $$
declare
  _role text;
begin
  foreach _role in array array['owner', 'writer', 'reader', 'relay', 'eraser'] loop
    if not exists (select from pg_roles where rolname = '${schema}_' || _role) then
      execute format('create role %I nologin', '${schema}_' || _role);
    end if;
  end loop;
end
$$;

revoke all on schema "${schema}" from public;
revoke all on all tables in schema "${schema}" from public;
revoke all on all functions in schema "${schema}" from public;
revoke all on all sequences in schema "${schema}" from public;

grant all on schema "${schema}" to "${schema}_owner";
grant all on all tables in schema "${schema}" to "${schema}_owner";
grant all on all functions in schema "${schema}" to "${schema}_owner";
grant all on all sequences in schema "${schema}" to "${schema}_owner";

grant usage on schema "${schema}"
  to "${schema}_writer", "${schema}_reader", "${schema}_relay", "${schema}_eraser";
-- Each may ask whether the schema is as its program needs it, which Migrations.VALIDATE does.
grant execute on function "${schema}".schema_version()
  to "${schema}_writer", "${schema}_reader", "${schema}_relay", "${schema}_eraser";
do $$
begin
  -- Flyway's, so it is missing where the scripts are run by hand.
  if to_regclass('"${schema}".schema_history') is not null then
    grant select on "${schema}".schema_history
      to "${schema}_writer", "${schema}_reader", "${schema}_relay", "${schema}_eraser";
  end if;
end
$$;
grant select on "${schema}".streams, "${schema}".events, "${schema}".subscriptions,
                "${schema}".truncations, "${schema}".purged_events
  to "${schema}_writer", "${schema}_reader", "${schema}_relay";
-- Looking at the sequence, for the checks at the start; drawing from it needs more.
grant select on all sequences in schema "${schema}"
  to "${schema}_writer", "${schema}_reader", "${schema}_relay";
grant execute on function
  "${schema}".incarnation(), "${schema}".begin_incarnation(), "${schema}".observe_fence()
  to "${schema}_writer", "${schema}_reader", "${schema}_relay";

-- The position is not among the columns, so not even COPY can bring one along.
grant insert (stream_id, category, version, id, type, revision, data, metadata)
  on "${schema}".events to "${schema}_writer";
grant insert (relay, topic, id, lane_hash, key, value, header_names, header_values),
      select ("position")
  on "${schema}".outbox to "${schema}_writer";
-- Its own rights are the owner's. All that can be done with it alone is to burn a position.
grant execute on function "${schema}".draw_position() to "${schema}_writer";
-- Rows of streams are deleted only where an append takes back what it has just inserted. What was
-- tombstoned is not among the columns: no writer can take it back.
grant insert (stream_id, category, version), update (version), delete
  on "${schema}".streams to "${schema}_writer";
grant select, insert, update on "${schema}".imports to "${schema}_writer";

-- Writers call every function that does not run with the owner's rights. Those that do are the
-- eraser's, and listed.
do $$
declare
  _function regprocedure;
begin
  for _function in
    select p.oid from pg_proc as p
     where p.pronamespace = '"${schema}"'::regnamespace and not p.prosecdef
  loop
    execute format('grant execute on function %s to %I', _function, '${schema}_writer');
  end loop;
end
$$;
grant execute on function
  "${schema}".truncate_before(text, bigint),
  "${schema}".tombstone(text),
  "${schema}".erase(text, bigint, text),
  "${schema}".purge(text, integer)
  to "${schema}_eraser";

grant insert, update, delete on "${schema}".subscriptions
  to "${schema}_writer", "${schema}_reader", "${schema}_relay";
grant select, insert, update, delete on "${schema}".lease_notes
  to "${schema}_writer", "${schema}_reader", "${schema}_relay";
grant execute on function
  "${schema}".note_in_lease(text, integer, text, bigint, text[], text[]),
  "${schema}".replace_note_in_lease(text, integer, text, bigint, text, text, text, text)
  to "${schema}_reader", "${schema}_relay";
-- A relay publishes messages and deletes them.
grant select, delete on "${schema}".outbox to "${schema}_relay";
grant execute on function
  "${schema}".waiting_messages(text, integer, integer, bigint, bigint, integer, bigint),
  "${schema}".delete_messages(text, integer, integer, bigint, bigint)
  to "${schema}_relay";
-- Running subscriptions, on one node or on several, and looking after what they have parked. What was
-- given up is recorded for good.
grant select, insert, update, delete
  on "${schema}".subscription_members, "${schema}".subscription_declines,
     "${schema}".parked_streams, "${schema}".parked_events
  to "${schema}_writer", "${schema}_reader";
grant select, insert (name, stream_id, position, version, reason, error)
  on "${schema}".discarded_events to "${schema}_writer", "${schema}_reader";
grant execute on function
  "${schema}".keep_leases(text, text[], bigint[], text[]),
  "${schema}".divide_anew(text),
  "${schema}".arrange_partitions(text, integer, bigint, text, text[], text, bigint),
  "${schema}".members_by_partition(text, text[]),
  "${schema}".join_members(text, text, interval),
  "${schema}".decline_partition(text, integer, text, bigint, bigint, text)
  to "${schema}_reader";

grant select on "${schema}".snapshots to "${schema}_writer", "${schema}_reader";
grant insert, update on "${schema}".snapshots to "${schema}_writer";
-- No snapshot is kept of a stream that has just been erased from.
grant select (stream_id, at) on "${schema}".erasures to "${schema}_writer";

-- Who subscribes may keep projections. Their own tables, and the rights to make them, are elsewhere.
grant select on "${schema}".projections, "${schema}".projection_versions,
                "${schema}".dropped_projection_versions
  to "${schema}_writer", "${schema}_reader";
grant insert (name, version) on "${schema}".dropped_projection_versions
  to "${schema}_writer", "${schema}_reader";
grant insert, update (live_version, highest_version, promoted_at) on "${schema}".projections
  to "${schema}_writer", "${schema}_reader";
grant insert, delete on "${schema}".projection_versions to "${schema}_writer", "${schema}_reader";
