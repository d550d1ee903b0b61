-- States of streams at some version, so that long ones load fast. No truth: every row may be deleted
-- at any time, and costs only the reading of the events it stood for.
create table "${schema}".snapshots (
  version bigint not null,
  recorded_at timestamptz not null default clock_timestamp(),
  revision integer not null,
  stream_id text collate "C" not null,
  name text collate "C" not null,
  state json not null,
  constraint snapshots_pkey primary key (stream_id, name),
  constraint snapshots_version_is_positive check (version > 0),
  constraint snapshots_revision_is_positive check (revision > 0)
);

comment on table "${schema}".snapshots is
  'The latest snapshot of each stream under each name. Rows may be deleted at any time.';
comment on column "${schema}".snapshots.version is
  'The version of the last event that the state takes in.';
comment on column "${schema}".snapshots.revision is
  'Of the shape and meaning of the state; those of other revisions are not read.';
