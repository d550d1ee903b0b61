-- The functions that append.

-- Appends events to one or several streams, or to none of them. One call is one round trip.
--
-- It is volatile PL/pgSQL because each of its statements then takes a snapshot of its own under
-- READ COMMITTED: what is decided after waiting for a row lock is decided on what the winner left.
-- The order is: lock and advance stream rows in the byte order of their ids (no deadlocks); replay;
-- conflicts; insert events. The lock on events comes last, so an append that waits for a stream
-- row never holds the high-water mark back.
--
-- A conflict is an answer, not an error: nothing is written, no position drawn, and the caller's
-- transaction stays usable.
create function "${schema}".append(
  _streams text[],         -- ids, distinct, in byte order
  _expected bigint[],      -- per stream: a version, or -1 any, -2 exists, -3 any with known ids, -4 exists with known ids
  _counts integer[],       -- per stream: number of events; 0 if it is only checked
  _event_streams integer[],  -- per event, in the order of positions: which of the streams, from 1
  _event_numbers integer[],  -- per event: its number among those of its stream, from 1
  _ids uuid[],
  _types text[],
  _revisions integer[],
  _data bytea[],           -- JSON in UTF-8
  _metadata bytea[],       -- JSON in UTF-8, or null
  out outcome integer,     -- 0 written, 1 conflict, 2 replayed, 3 ids reused
  out versions bigint[],   -- per stream: written or replayed, its last version of this append; else the actual one
  out "position" bigint,   -- of the last event, if written or replayed
  out reused_in integer    -- which stream has the ids, if they are reused
)
language plpgsql volatile
as $$
declare
  _n constant integer := cardinality(_streams);
  _base bigint[] := array_fill(null::bigint, array[_n]);  -- version before this append, where it advanced
  _created boolean[] := array_fill(false, array[_n]);     -- rows that this append inserted
  _failed boolean := false;
  _stream text;
  _want bigint;
  _count integer;
  _current bigint;
  _new boolean;
begin
  versions := array_fill(0::bigint, array[_n]);

  for _i in 1 .. _n loop
    _stream := _streams[_i];
    _want := _expected[_i];
    _count := _counts[_i];
    _current := null;
    _new := false;

    -- The usual case of each expectation is one statement.
    if _count > 0 and _want > 0 then
      update "${schema}".streams as s set version = s.version + _count
       where s.stream_id = _stream and s.version = _want
      returning s.version - _count into _current;
    elsif _count > 0 and _want = 0 then
      insert into "${schema}".streams (stream_id, category, version)
      values (_stream, split_part(_stream, '-', 1), _count)
      on conflict on constraint streams_pkey do update set version = _count
       where streams.version = 0
      returning 0, streams.xmax = 0 into _current, _new; -- xmax is 0 in a row that was inserted
    elsif _count > 0 and _want = -1 then
      insert into "${schema}".streams as s (stream_id, category, version)
      values (_stream, split_part(_stream, '-', 1), _count)
      on conflict on constraint streams_pkey do update set version = s.version + excluded.version
      returning s.version - _count, s.xmax = 0 into _current, _new;
    elsif _count > 0 and _want = -2 then
      update "${schema}".streams as s set version = s.version + _count
       where s.stream_id = _stream and s.version > 0
      returning s.version - _count into _current;
    else
      -- Only checked, or its ids may be there already. Where there is no row a row of version 0
      -- is made, since what does not exist cannot be locked.
      if _want in (0, -3) then
        insert into "${schema}".streams (stream_id, category, version)
        values (_stream, split_part(_stream, '-', 1), 0)
        on conflict on constraint streams_pkey do nothing
        returning true into _new;
        _new := coalesce(_new, false);
      end if;
      select s.version into _current
        from "${schema}".streams as s
       where s.stream_id = _stream
         for update;
      if _count = 0 then
        if not coalesce(_want = -1 or (_want = -2 and _current > 0) or _current = _want, false) then
          _failed := true;
        end if;
        versions[_i] := coalesce(_current, 0);
      elsif (_want = -3 or _current > 0) and not exists (
        select from "${schema}".events as e
         where e.stream_id = _stream
           and e.id = any (select _ids[_e]
                             from generate_subscripts(_ids, 1) as _e
                            where _event_streams[_e] = _i))
      then
        update "${schema}".streams as s set version = s.version + _count where s.stream_id = _stream;
      else
        if _new then
          delete from "${schema}".streams as s where s.stream_id = _stream;
        end if;
        _current := null;
      end if;
    end if;

    _created[_i] := _new;
    if _count > 0 then
      if _current is null then
        -- Waits for whoever is faster, and holds what is found until the end.
        select s.version into _current
          from "${schema}".streams as s
         where s.stream_id = _stream
           for update;
        if (_want > 0 and _current = _want) or (_want = -2 and _current > 0) then
          -- Whoever was faster has made true what is expected.
          update "${schema}".streams as s set version = s.version + _count where s.stream_id = _stream;
        else
          _failed := true;
          versions[_i] := coalesce(_current, 0);
          _current := null;
        end if;
      end if;
      if _current is not null then
        _base[_i] := _current;
        versions[_i] := _current + _count;
      end if;
    end if;
  end loop;

  if not _failed then
    with written as (
      insert into "${schema}".events
        (stream_id, category, version, id, type, revision, data, metadata)
      select _streams[e.stream], split_part(_streams[e.stream], '-', 1), _base[e.stream] + e.number,
             e.id, e.type, e.revision,
             convert_from(e.data, 'UTF8')::json, convert_from(e.metadata, 'UTF8')::json
        from unnest(_event_streams, _event_numbers, _ids, _types, _revisions, _data, _metadata)
          as e (stream, number, id, type, revision, data, metadata)
      returning events."position")
    select 0, max(w."position") into outcome, "position" from written as w;
    return;
  end if;

  -- Take back what was advanced: all is written or nothing.
  for _i in 1 .. _n loop
    if _created[_i] then
      delete from "${schema}".streams as s where s.stream_id = _streams[_i];
    elsif _base[_i] is not null then
      update "${schema}".streams as s set version = _base[_i] where s.stream_id = _streams[_i];
    end if;
    if _base[_i] is not null then
      versions[_i] := _base[_i];
    end if;
  end loop;

  select r.outcome, r.versions, r."position", r.reused_in into outcome, versions, "position", reused_in
    from "${schema}".replay(
      _streams, _expected, _counts, _event_streams, _event_numbers, _ids, _types, _data, versions) as r;
end
$$;

-- Tells a retry of what is stored already from a conflict, for an append that was refused. Locks of
-- the stream rows are held.
create function "${schema}".replay(
  _streams text[],
  _expected bigint[],
  _counts integer[],
  _event_streams integer[],
  _event_numbers integer[],
  _ids uuid[],
  _types text[],
  _data bytea[],
  _actual bigint[],
  out outcome integer,
  out versions bigint[],
  out "position" bigint,
  out reused_in integer
)
language plpgsql stable
as $$
declare
  _first bigint;
  _same integer;
  _known integer;
  _last bigint;
  _all boolean := true;
begin
  versions := _actual;
  for _i in 1 .. cardinality(_streams) loop
    continue when _counts[_i] = 0;

    -- The version that the first of these events has, if they are stored at all.
    if _expected[_i] >= 0 then
      -- What is expected may lie far beyond what there is.
      _first := least(_expected[_i], _actual[_i]) + 1;
    else
      select min(e.version) into _first
        from "${schema}".events as e
       where e.stream_id = _streams[_i]
         and e.id = any (select _ids[_e]
                           from generate_subscripts(_ids, 1) as _e
                          where _event_streams[_e] = _i);
    end if;

    select count(*) filter (where e.id = n.id and e.type = n.type
                              and e.data::jsonb = convert_from(n.data, 'UTF8')::jsonb),
           count(*) filter (where e.id = any (_ids)),
           max(e."position")
      into _same, _known, _last
      from unnest(_event_streams, _event_numbers, _ids, _types, _data)
             as n (stream, number, id, type, data)
      join "${schema}".events as e
        on e.stream_id = _streams[_i] and e.version = _first + n.number - 1
     where n.stream = _i;

    if _known > 0 then
      reused_in := coalesce(reused_in, _i);
    end if;
    if _same = _counts[_i] then
      versions[_i] := _first + _counts[_i] - 1;
      "position" := greatest("position", _last);
    else
      _all := false;
    end if;
  end loop;

  if _all then
    outcome := 2;
    reused_in := null;
  else
    versions := _actual;
    "position" := null;
    outcome := case when reused_in is null then 1 else 3 end;
  end if;
end
$$;
