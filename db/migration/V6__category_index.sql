-- For reading a category, or a few of them, without looking at all other events (docs/adr/0008).
-- By the hash: eight bytes for every name. With names of more than seven the index would be more
-- than twice as large.
create index events_category_position
  on "${schema}".events (hashtextextended(category, 0), position);

-- Its plan is kept by each connection. One that was made while events had a page or two would read
-- the whole table for every observation, until somebody analyses it.
alter function "${schema}".observe_fence() set enable_seqscan = off;
