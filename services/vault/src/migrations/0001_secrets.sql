-- Upstream credentials, sealed under data keys per tenant; what may lease them, and to where they may be sent.
-- A setting of '*' is cross-tenant work: the feed, rewrapping data keys, counting leases, pruning.

create table data_keys (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  -- The master key that wraps this one; it lives in a file, never here.
  master_id text not null,
  wrapped bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, id)
);

create table secrets (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  name text not null,
  key text not null,
  data_key_id text not null,
  sealed bytea not null,
  -- Version of the source, for idempotence; never told to anyone, since it may be a hash of the value.
  source_version text not null,
  -- Ours, counts changes; named in records.
  revision bigint not null default 1,
  updated_at timestamptz not null default now(),
  primary key (tenant, name, key),
  foreign key (tenant, data_key_id) references data_keys (tenant, id)
);

create table grants (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  kind text not null,
  uid text not null,
  resource_name text not null,
  secret_name text not null,
  secret_key text not null,
  -- scheme://host:port that the credential may be sent to.
  origin text not null,
  granted_at timestamptz not null default now(),
  leases bigint not null default 0,
  last_leased_at timestamptz,
  primary key (tenant, kind, uid)
);

create table invalidations (
  tenant text not null,
  sequence bigint not null,
  secret_name text not null,
  secret_key text not null,
  at timestamptz not null default now(),
  primary key (tenant, sequence)
);
create unique index invalidations_sequence on invalidations (sequence);

-- One row, whose lock puts notices of all tenants in one order without gaps. It holds nothing of any tenant.
create table invalidation_head (
  tenant text primary key default '*' check (tenant = '*'),
  sequence bigint not null
);
insert into invalidation_head (sequence) values (0);

alter table data_keys enable row level security;
alter table data_keys force row level security;
create policy tenant_only on data_keys
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table secrets enable row level security;
alter table secrets force row level security;
create policy tenant_only on secrets
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table grants enable row level security;
alter table grants force row level security;
create policy tenant_only on grants
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table invalidations enable row level security;
alter table invalidations force row level security;
create policy tenant_only on invalidations
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table invalidation_head enable row level security;
alter table invalidation_head force row level security;
create policy every_tenant on invalidation_head using (true);
