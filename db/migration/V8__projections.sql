-- Projections: which versions of a read model there are, and which one readers see.

create table "${schema}".projections (
  promoted_at timestamptz,
  live_version integer,
  name text collate "C" not null,
  constraint projections_pkey primary key (name)
);

comment on column "${schema}".projections.live_version is
  'The version that readers see; null as long as none was promoted.';

-- A version is here from the moment its tables are made until they are dropped: both in one
-- transaction. Its checkpoints are those of the subscription <name>/<version>.
create table "${schema}".projection_versions (
  created_at timestamptz not null default clock_timestamp(),
  version integer not null,
  name text collate "C" not null,
  constraint projection_versions_pkey primary key (name, version),
  constraint projection_versions_of_projection foreign key (name)
    references "${schema}".projections (name),
  constraint projection_versions_version_is_positive check (version > 0)
);

-- Whoever tries: the live version cannot be dropped.
alter table "${schema}".projections
  add constraint projections_live_version foreign key (name, live_version)
    references "${schema}".projection_versions (name, version);
