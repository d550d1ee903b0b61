-- The schema says its version to every role, with Flyway's history or without: programs that may not
-- migrate ask before they start.
--
-- Each later migration states this function again. version is its own number. serves_from is the
-- version of the oldest program that still works here: raise it only where a table or function that
-- an older program uses is gone or means something else, for those programs stop when they restart.
create function "${schema}".schema_version(out version integer, out serves_from integer)
language sql immutable parallel safe
as $$
  select 15, 15
$$;
