-- Answers of reading models and the values behind handles, all sealed. They are durable: reading the same content again
-- could answer otherwise, which would rewrite what a run has seen.
-- A setting of '*' is cross-tenant work: sweeping what has expired.

create table extractions (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- The user, or the principal where nobody stands behind it.
  holder text not null,
  -- Keyed digest of content, question and model.
  fingerprint text not null,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, holder, fingerprint)
);
create index extractions_expiry on extractions (expires_at);

-- What one run was shown of an extraction: the same content in the same run keeps its handles.
create table presentations (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  trajectory text not null,
  principal_id text not null,
  fingerprint text not null,
  tool text not null,
  sealed bytea not null,
  -- Bits of plain values, for the budget of the run.
  bits double precision not null,
  expires_at timestamptz not null,
  primary key (tenant, trajectory, principal_id, fingerprint, tool)
);
create index presentations_expiry on presentations (expires_at);

create table handles (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  trajectory text not null,
  principal_id text not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index handles_expiry on handles (expires_at);

alter table extractions enable row level security;
alter table extractions force row level security;
create policy tenant_only on extractions
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table presentations enable row level security;
alter table presentations force row level security;
create policy tenant_only on presentations
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table handles enable row level security;
alter table handles force row level security;
create policy tenant_only on handles
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
