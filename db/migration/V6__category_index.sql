-- For reading a category, or a few of them, without looking at all other events (docs/adr/0008).
create index events_category_position on "${schema}".events (category, position);
