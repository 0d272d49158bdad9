-- Virtual keys, the digests of their secrets, and the notices that end what other services cached of them.
-- A setting of '*' is cross-tenant work: looking a presented secret up, last use, the revocation feed, pruning.

create table keys (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  name text not null,
  -- KeySpec in protobuf's JSON form.
  spec jsonb not null,
  prefix text not null,
  resource_uid text,
  -- True: the secret was made here; false: it was chosen by the key's author.
  generated boolean not null,
  revision bigint not null default 1,
  created_at timestamptz not null default now(),
  last_used_at timestamptz,
  last_endpoint text,
  revoked_at timestamptz,
  revoked_reason text,
  primary key (tenant, id)
);
create unique index keys_live_name on keys (tenant, name) where revoked_at is null;
create unique index keys_live_resource on keys (tenant, resource_uid) where revoked_at is null;

-- A revoked key has no rows here, so that its secret is as unknown as one that never was.
create table key_secrets (
  tenant text not null,
  key_id text not null,
  digest bytea not null check (octet_length(digest) = 32),
  pepper_id text not null,
  -- Public part of a generated secret; null for a chosen one, which is found by its digest alone.
  lookup_prefix text,
  -- Set on a secret that was replaced with a grace period.
  valid_until timestamptz,
  created_at timestamptz not null default now(),
  primary key (tenant, key_id, digest),
  foreign key (tenant, key_id) references keys (tenant, id) on delete cascade
);
create unique index key_secrets_digest on key_secrets (digest);
create index key_secrets_prefix on key_secrets (lookup_prefix) where lookup_prefix is not null;

create table revocations (
  tenant text not null,
  sequence bigint not null,
  key_id text not null,
  reason text not null,
  at timestamptz not null default now(),
  primary key (tenant, sequence)
);
create unique index revocations_sequence on revocations (sequence);

-- One row, whose lock puts notices of all tenants in one order without gaps. It holds nothing of any tenant.
create table revocation_head (
  tenant text primary key default '*' check (tenant = '*'),
  sequence bigint not null
);
insert into revocation_head (sequence) values (0);

-- Answers to creations with an idempotency key, sealed, kept for a day.
create table creations (
  tenant text not null,
  idempotency_key text not null,
  request_hash bytea not null,
  key_id text not null,
  sealed_secret bytea not null,
  created_at timestamptz not null default now(),
  primary key (tenant, idempotency_key)
);

alter table keys enable row level security;
alter table keys force row level security;
create policy tenant_only on keys
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table key_secrets enable row level security;
alter table key_secrets force row level security;
create policy tenant_only on key_secrets
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table revocations enable row level security;
alter table revocations force row level security;
create policy tenant_only on revocations
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table creations enable row level security;
alter table creations force row level security;
create policy tenant_only on creations
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table revocation_head enable row level security;
alter table revocation_head force row level security;
create policy every_tenant on revocation_head using (true);
