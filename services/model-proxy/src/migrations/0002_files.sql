-- Files that are stored at providers, under ids of ours. Each is of one principal of one tenant.
-- A setting of '*' is cross-tenant work: sweeping what has expired.

create table files (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  purpose text not null,
  position bigint generated always as identity,
  -- Sealed: where it is stored, its id there, and what the client is told of it.
  sealed bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index files_order on files (tenant, principal_id, user_id, position);
create index files_expiry on files (expires_at);

alter table files enable row level security;
alter table files force row level security;
create policy tenant_only on files
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
