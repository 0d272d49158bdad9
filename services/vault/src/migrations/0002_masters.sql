-- Which master keys each replica has, so that a new one wraps data keys only once all replicas can open them; and
-- records that wait for audit.

create table replicas (
  -- Of no tenant: replicas serve all.
  tenant text not null default '*' check (tenant = '*'),
  id text not null,
  -- Newest first; ids only.
  masters text[] not null,
  seen_at timestamptz not null default now(),
  primary key (tenant, id)
);

create table record_outbox (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- Id of the record, under which audit takes it in once.
  id text not null,
  record bytea not null,
  at timestamptz not null default now(),
  primary key (tenant, id)
);

alter table replicas enable row level security;
alter table replicas force row level security;
create policy every_tenant on replicas using (true);

alter table record_outbox enable row level security;
alter table record_outbox force row level security;
create policy tenant_only on record_outbox
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
