-- How far named imports have come.

create table "${schema}".imports (
  items bigint not null default 0,
  fingerprint bigint not null default 0,
  last_position bigint,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  name text collate "C" not null,
  last_stream_id text collate "C",
  constraint imports_pkey primary key (name),
  constraint imports_items_is_not_negative check (items >= 0)
);

comment on table "${schema}".imports is
  'One row per named import. It commits together with the events that it counts, so an import that was killed goes on behind them.';
comment on column "${schema}".imports.items is
  'How many items were taken from the source; all of them are events.';
comment on column "${schema}".imports.fingerprint is
  'Over the streams, and the ids where the caller gave them, of all these items: another source under the same name is told by it.';
