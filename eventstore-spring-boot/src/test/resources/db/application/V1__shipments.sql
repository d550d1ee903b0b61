create table shipments (order_key text primary key);
