-- Batches that providers work through, under ids of ours. Each is of one principal of one tenant.
-- A setting of '*' is cross-tenant work: sweeping what has expired.

create table batches (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  position bigint generated always as identity,
  -- What it took was counted.
  settled boolean not null default false,
  -- Sealed: where it is, its id and files there, and what the client is told of it.
  sealed bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index batches_order on batches (tenant, principal_id, user_id, position);
create index batches_expiry on batches (expires_at);

alter table batches enable row level security;
alter table batches force row level security;
create policy tenant_only on batches
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
