-- Least privilege for the programs and people that use the store. Run this script as a role that may create roles,
-- once per schema, after the migrations. To run it again revokes every right that it no longer grants. ${schema} is
-- replaced by the schema's name.
--
--   <schema>_owner     may migrate
--   <schema>_writer    appends and publishes, by functions; has all rights of a reader
--   <schema>_reader    reads, and runs subscriptions and projections
--   <schema>_relay     reads, holds leases of relays, and deletes messages that are published
--   <schema>_importer  reads, and imports by COPY
--   <schema>_operator  reads everything, and manages subscriptions, projections and relays
--   <schema>_eraser    truncates, tombstones, erases and purges, by functions; cannot even read
--
-- Only the owner may change or remove an event or choose a position. Only importers write streams and events other
-- than by the store's functions. The roles cannot log in: grant them to roles that can.

do $$
declare
  _role text;
begin
  foreach _role in array
    array['owner', 'writer', 'reader', 'relay', 'importer', 'operator', 'eraser']
  loop
    if not exists (select from pg_roles where rolname = '${schema}_' || _role) then
      execute format('create role %I nologin', '${schema}_' || _role);
    end if;
    execute format('revoke all on schema "${schema}" from %I', '${schema}_' || _role);
    execute format('revoke all on all tables in schema "${schema}" from %I', '${schema}_' || _role);
    execute format('revoke all on all functions in schema "${schema}" from %I', '${schema}_' || _role);
    execute format('revoke all on all sequences in schema "${schema}" from %I', '${schema}_' || _role);
  end loop;
end
$$;
revoke all on schema "${schema}" from public;
revoke all on all tables in schema "${schema}" from public;
revoke all on all functions in schema "${schema}" from public;
revoke all on all sequences in schema "${schema}" from public;

grant "${schema}_reader" to "${schema}_writer", "${schema}_operator";
grant "${schema}_relay" to "${schema}_operator";

grant all on schema "${schema}" to "${schema}_owner";
grant all on all tables in schema "${schema}" to "${schema}_owner";
grant all on all functions in schema "${schema}" to "${schema}_owner";
grant all on all sequences in schema "${schema}" to "${schema}_owner";

-- For all roles: a store checks the version of its schema before it starts.
grant usage on schema "${schema}"
  to "${schema}_reader", "${schema}_relay", "${schema}_importer", "${schema}_eraser";
grant execute on function "${schema}".schema_version()
  to "${schema}_reader", "${schema}_relay", "${schema}_importer", "${schema}_eraser";
do $$
begin
  -- Flyway's table, which is missing if the scripts are run by hand.
  if to_regclass('"${schema}".schema_history') is not null then
    grant select on "${schema}".schema_history
      to "${schema}_reader", "${schema}_relay", "${schema}_importer", "${schema}_eraser";
  end if;
end
$$;

-- For all roles that read the log. They read the sequence for the fence, and for the checks at the start. This right
-- does not allow them to draw from it.
grant select on "${schema}".streams, "${schema}".events, "${schema}".truncations,
                "${schema}".purged_events, "${schema}".subscriptions, "${schema}".leases
  to "${schema}_reader", "${schema}_relay", "${schema}_importer";
grant select on sequence "${schema}".events_position_seq
  to "${schema}_reader", "${schema}_relay", "${schema}_importer";
grant execute on function
  "${schema}".incarnation(), "${schema}".begin_incarnation(), "${schema}".observe_fence()
  to "${schema}_reader", "${schema}_relay", "${schema}_importer";

-- Writers append by functions, which run with the owner's rights.
grant execute on function
  "${schema}".append(text[], boolean[], boolean, integer[], integer[], bigint[], integer[], integer[],
                     integer[], uuid[], text[], integer[], bytea[], bytea[]),
  "${schema}".append_one(text, bigint, uuid, text, integer, bytea, bytea),
  "${schema}".publish(integer[], integer[], text[], text[], uuid[], bigint[], bytea[], bytea[],
                      integer[], text[], bytea[])
  to "${schema}_writer";
grant insert, update on "${schema}".snapshots to "${schema}_writer";
-- Needed because no snapshot is kept of a stream from which data has just been erased.
grant select (stream_id, at) on "${schema}".erasures to "${schema}_writer";

-- COPY needs rights on the table. The columns do not include the position, so an importer cannot choose one. They do
-- not include tombstoned_at, so an importer cannot undo a tombstone.
grant insert (stream_id, category, version, id, type, revision, data, metadata)
  on "${schema}".events to "${schema}_importer";
grant insert (stream_id, category, version), update (version)
  on "${schema}".streams to "${schema}_importer";
grant select, insert, update on "${schema}".imports to "${schema}_importer";

-- For running subscriptions, on one node or several, and for handling their parked events. Discarded events are
-- recorded permanently.
grant insert, update, delete on "${schema}".subscriptions to "${schema}_reader";
grant select, insert, update, delete
  on "${schema}".subscription_members, "${schema}".subscription_declines,
     "${schema}".parked_streams, "${schema}".parked_events
  to "${schema}_reader";
grant select, insert (name, stream_id, position, version, reason, error)
  on "${schema}".discarded_events to "${schema}_reader";
grant execute on function
  "${schema}".keep_leases(text, text[], bigint[], text[]),
  "${schema}".divide_anew(text),
  "${schema}".arrange_partitions(text, integer, bigint, text, text[], text, bigint),
  "${schema}".members_by_partition(text, text[]),
  "${schema}".join_members(text, text, interval),
  "${schema}".decline_partition(text, integer, text, bigint, bigint, text)
  to "${schema}_reader";
grant select on "${schema}".snapshots to "${schema}_reader";

-- A role that subscribes may keep projections. The application creates the tables of projections and grants the rights
-- to do so.
grant select on "${schema}".projections, "${schema}".projection_versions,
                "${schema}".dropped_projection_versions
  to "${schema}_reader";
grant insert (name, version) on "${schema}".dropped_projection_versions to "${schema}_reader";
grant insert, update (live_version, highest_version, promoted_at)
  on "${schema}".projections to "${schema}_reader";
grant insert, delete on "${schema}".projection_versions to "${schema}_reader";

-- Leases, and the notes that the owner of a lease leaves for the next one.
grant select, insert, update, delete on "${schema}".leases, "${schema}".lease_notes
  to "${schema}_reader", "${schema}_relay";
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

-- Operators read everything else, too, and delete what may be deleted at any time.
grant select on all tables in schema "${schema}" to "${schema}_operator";
grant delete on "${schema}".imports, "${schema}".snapshots to "${schema}_operator";

grant execute on function
  "${schema}".truncate_before(text, bigint),
  "${schema}".tombstone(text),
  "${schema}".erase(text, bigint, text),
  "${schema}".purge(text, integer)
  to "${schema}_eraser";
