-- Retries of large appends take as long as their first tries: what looked through all events for each of
-- them now goes by their order. What the parameters mean is said where the functions were made first.

-- The version of the last event of a stream that has one of these ids. It begins at the end, where a
-- retry's events are; the ids are hashed.
create function "${schema}".last_of(_stream text, _own uuid[]) returns bigint
language plpgsql stable
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  _last bigint;
begin
  select e.version into _last
    from "${schema}".events as e
   where e.stream_id = _stream
     and (e.id in (select u.id from unnest(_own) as u (id))) is true -- no join, which might be a nested loop
   order by e.version desc
   limit 1;
  return _last;
end
$$;

create or replace function "${schema}".append(
  _streams text[],              -- ids of all streams, distinct, in byte order
  _create boolean[],            -- per stream: whether to make its row, if there is none
  _patient boolean,             -- whether to wait for rows that others hold; else such appends are busy
  _appends integer[],           -- per condition: its append, numbered from 1, in ascending order
  _condition_streams integer[], -- per condition: which of the streams, from 1; each once in an append
  _expected bigint[],           -- per condition: a version, or -1 any, -2 exists, -3 any with known ids, -4 exists with known ids
  _counts integer[],            -- per condition: number of events; 0 if the stream is only checked
  _event_conditions integer[],  -- per event, in the order of positions: its condition, from 1; ascending by append
  _event_numbers integer[],     -- per event: its number among those of its condition, from 1
  _ids uuid[],
  _types text[],
  _revisions integer[],
  _data bytea[],                -- JSON in UTF-8
  _metadata bytea[],            -- JSON in UTF-8, or null; null altogether if no event has any
  out outcomes integer[],       -- per append: 0 written, 1 conflict, 2 replayed, 3 ids reused, 4 busy, 5 tombstoned
  out versions bigint[],        -- per condition: written or replayed, its last version of this append; else the actual one
  out positions bigint[],       -- per append: of its last event, if written or replayed
  out culprits integer[]        -- per append: the condition whose stream has the ids already, or is tombstoned
)
language plpgsql volatile
set enable_seqscan = off
as $$
declare
  _conditions constant integer := cardinality(_appends);
  _streams_count constant integer := cardinality(_streams);
  _made boolean[] := array_fill(false, array[_streams_count]); -- per stream: its row is this call's
  _kept boolean[] := _made;  -- per stream: its row stays, even at version 0
  _busy boolean[] := _made;  -- per stream: somebody else holds it
  _gone boolean[] := _made;  -- per stream: tombstoned
  _found bigint[] := array_fill(null::bigint, array[_streams_count]); -- per stream: the version there was, null without a row
  _version bigint[];         -- per stream: the version so far
  _dead boolean;
  _base bigint[] := array_fill(null::bigint, array[cardinality(_appends)]); -- per condition that is written: the version before
  _last integer[] := array_fill(null::integer, array[_appends[cardinality(_appends)]]); -- per append that is written: how many events there are up to its last
  _written bigint[];  -- positions
  _events integer := 0;
  _refused boolean := false;
  _condition integer := 1;
  _first integer;
  _append integer;
  _outcome integer;
  _culprit integer;
  _stream integer;
  _want bigint;
  _current bigint;
  _known boolean;
  _order bigint[];   -- events by condition and number; made when it is needed
  _offsets bigint[]; -- per condition: how many of them come before its own
  _own uuid[];
  _replay record;
begin
  positions := array_fill(null::bigint, array[_appends[_conditions]]);
  culprits := _last;

  for _i in 1 .. _streams_count loop
    loop
      if _patient then
        select s.version, s.tombstoned_at is not null into _current, _dead
          from "${schema}".streams as s
         where s.stream_id = _streams[_i]
           for update;
      else
        select s.version, s.tombstoned_at is not null into _current, _dead
          from "${schema}".streams as s
         where s.stream_id = _streams[_i]
           for update skip locked;
      end if;
      if found then
        _found[_i] := _current;
        _gone[_i] := _dead;
        exit;
      end if;
      -- A row that others hold is told from one that does not exist by its being visible.
      if not _patient and exists (
        select from "${schema}".streams as s where s.stream_id = _streams[_i])
      then
        _busy[_i] := true;
        exit;
      end if;
      exit when not _create[_i];

      -- What does not exist cannot be locked, so a row of version 0 is made. Whoever is making the
      -- same one is waited for: what has become visible then is looked at again.
      if not _patient then
        perform set_config('lock_timeout', '10ms', true);
      end if;
      insert into "${schema}".streams (stream_id, category, version)
      values (_streams[_i], split_part(_streams[_i], '-', 1), 0)
      on conflict on constraint streams_pkey do nothing;
      if found then
        _found[_i] := 0;
        _made[_i] := true;
        exit;
      end if;
    end loop;
  end loop;

  _version := _found;
  while _condition <= _conditions loop
    _append := _appends[_condition];
    _first := _condition;
    _outcome := 0;
    _culprit := null;
    loop
      _stream := _condition_streams[_condition];
      _want := _expected[_condition];
      _current := coalesce(_version[_stream], 0);
      versions[_condition] := _current;
      if _gone[_stream] then
        _outcome := 5;
        _culprit := _condition;
      elsif _busy[_stream] then
        _outcome := greatest(_outcome, 4);
      elsif _want >= 0 then
        if _current <> _want then
          _outcome := greatest(_outcome, 1);
        end if;
      elsif _want in (-2, -4) and _current = 0 then
        _outcome := greatest(_outcome, 1);
      end if;
      if _want < -2 and _current > 0 and _outcome = 0 then
        if _order is null then
          _order := array(
            select u.event
              from unnest(_event_conditions, _event_numbers) with ordinality as u (condition, number, event)
             order by u.condition, u.number);
          _offsets := array(
            select sum(u.count) over (order by u.condition) - u.count
              from unnest(_counts) with ordinality as u (count, condition));
        end if;
        _own := array(
          select _ids[_order[_offsets[_condition] + i]] from generate_series(1, _counts[_condition]) as i);
        if "${schema}".last_of(_streams[_stream], _own) is not null then
          _outcome := 1;
        end if;
      end if;
      _condition := _condition + 1;
      exit when _condition > _conditions or _appends[_condition] <> _append;
    end loop;

    outcomes[_append] := _outcome;
    if _outcome = 0 then
      for _c in _first .. _condition - 1 loop
        _stream := _condition_streams[_c];
        if _counts[_c] > 0 then
          _base[_c] := versions[_c];
          _events := _events + _counts[_c];
          versions[_c] := versions[_c] + _counts[_c];
          _version[_stream] := versions[_c];
        else
          _kept[_stream] := true;
        end if;
      end loop;
      _last[_append] := _events;
    else
      _refused := true;
      culprits[_append] := _culprit;
      if _outcome = 4 then
        -- What comes later in this call must not overtake it.
        for _c in _first .. _condition - 1 loop
          _busy[_condition_streams[_c]] := true;
        end loop;
      end if;
    end if;
  end loop;

  if _events > 0 then
    insert into "${schema}".streams (stream_id, category, version)
    select u.id, split_part(u.id, '-', 1), u.version
      from unnest(_streams, _version, _found) as u (id, version, found)
     where u.version > u.found
    on conflict on constraint streams_pkey do update set version = excluded.version;

    with written as (
      insert into "${schema}".events
        (stream_id, category, version, id, type, revision, data, metadata)
      select _streams[_condition_streams[e.condition]],
             split_part(_streams[_condition_streams[e.condition]], '-', 1),
             _base[e.condition] + e.number, e.id, e.type, e.revision,
             convert_from(e.data, 'UTF8')::json, convert_from(e.metadata, 'UTF8')::json
        from unnest(_event_conditions, _event_numbers, _ids, _types, _revisions, _data, _metadata)
          as e (condition, number, id, type, revision, data, metadata)
       where _base[e.condition] is not null
      returning events."position")
    select array_agg(w."position") into _written from written as w;
    select array_agg(_written[l.last]) into positions from unnest(_last) as l (last);
  end if;

  if _refused then
    delete from "${schema}".streams as s
     where s.stream_id in (select _streams[i] from generate_subscripts(_streams, 1) as i
                            where _made[i] and _version[i] = 0 and not _kept[i]);

    -- Events are inserted by now, so that a retry finds its first try even in the same call. Most
    -- refused appends are no retries: none of their events stands where it would have been written.
    _condition := 1;
    while _condition <= _conditions loop
      _first := _condition;
      _append := _appends[_condition];
      _known := false;
      loop
        if outcomes[_append] = 1 and _counts[_condition] > 0 and not _known then
          if _expected[_condition] < 0 then
            _known := true;
          elsif versions[_condition] > _expected[_condition] then
            -- To look through as many ids for as many events would take the square of their number.
            if _counts[_condition] > 16 then
              _known := true;
            else
              perform from "${schema}".events as e
                where e.stream_id = _streams[_condition_streams[_condition]]
                  and e.version between _expected[_condition] + 1
                                    and _expected[_condition] + _counts[_condition]
                  and e.id = any (_ids);
              _known := found;
            end if;
          end if;
        end if;
        _condition := _condition + 1;
        exit when _condition > _conditions or _appends[_condition] <> _append;
      end loop;
      if _known then
        select * into _replay from "${schema}".replay(
          _first, _condition - 1, _streams, _condition_streams, _expected, _counts,
          _event_conditions, _event_numbers, _ids, _types, _data, versions);
        outcomes[_append] := _replay.outcome;
        versions := _replay.versions;
        positions[_append] := _replay."position";
        culprits[_append] := _replay.culprit;
      end if;
    end loop;
  end if;
end
$$;

-- Tells a retry of what is stored already from a conflict, for an append that was refused. Locks of
-- the stream rows are held. The parameters are those of append; the append's conditions are given
-- by their numbers.
create or replace function "${schema}".replay(
  _from integer,
  _to integer,
  _streams text[],
  _condition_streams integer[],
  _expected bigint[],
  _counts integer[],
  _event_conditions integer[],
  _event_numbers integer[],
  _ids uuid[],
  _types text[],
  _data bytea[],
  _actual bigint[],
  out outcome integer,
  out versions bigint[],
  out "position" bigint,
  out culprit integer
)
language plpgsql stable
-- A plan for given values would have them as constants, and the n-th element of a constant array is
-- found by walking through those before it.
set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
declare
  -- The append's events by condition and number, so that a condition's are a part of them, and the
  -- one at a version is found by counting.
  _order constant bigint[] := array(
    select u.event
      from unnest(_event_conditions, _event_numbers) with ordinality as u (condition, number, event)
     where u.condition between _from and _to
     order by u.condition, u.number);
  _offset integer := 0;
  _count integer;
  _own uuid[];
  _stream text;
  _first bigint;
  _same integer;
  _here integer;
  _last bigint;
  _all boolean := true;
begin
  versions := _actual;
  for _c in _from .. _to loop
    _offset := _offset + coalesce(_count, 0);
    _count := _counts[_c];
    continue when _count = 0;
    _stream := _streams[_condition_streams[_c]];
    _own := null;

    -- The version that the first of these events has, if they are stored at all.
    if _expected[_c] >= 0 then
      _first := _expected[_c] + 1;
    else
      _own := array(select _ids[_order[_offset + i]] from generate_series(1, _count) as i);
      _first := "${schema}".last_of(_stream, _own) - _count + 1;
    end if;
    if _first is null or _actual[_c] < _first then
      _all := false;
      continue;
    end if;

    select count(*) filter (where e.id = _ids[e.event]),
           count(*) filter (where e.id = _ids[e.event]
                              and (e.type = '$erased'
                                or (e.type = _types[e.event]
                                  and e.data::jsonb = convert_from(_data[e.event], 'UTF8')::jsonb))),
           max(e."position")
      into _here, _same, _last
      from (select o.*, _order[_offset + (o.version - _first + 1)::integer] as event
              from "${schema}".events as o
             where o.stream_id = _stream
               and o.version between _first and _first + _count - 1) as e;

    if _same = _count then
      versions[_c] := _first + _count - 1;
      "position" := greatest("position", _last);
      culprit := coalesce(culprit, _c);
      continue;
    end if;
    _all := false;
    if _here = 0 and culprit is null then
      _own := coalesce(
        _own, array(select _ids[_order[_offset + i]] from generate_series(1, _count) as i));
      select count(*) filter (where e.id in (select u.id from unnest(_own) as u (id)))
        into _here
        from "${schema}".events as e
       where e.stream_id = _stream
         and e.version between _first and _first + _count - 1;
    end if;
    if _here > 0 then
      culprit := coalesce(culprit, _c);
    end if;
  end loop;

  if _all then
    outcome := 2;
    culprit := null;
  else
    versions := _actual;
    "position" := null;
    outcome := case when culprit is null then 1 else 3 end;
  end if;
end
$$;
