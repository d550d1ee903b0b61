create table customers (
  name text primary key
);

create table open_orders (
  id   text primary key,
  item text not null
);
