-- Credentials that people put in, for themselves, a team or the organisation, each bound to a resource and to the origin
-- that it had then; grants that name no Secret of their own.

alter table grants
  alter column secret_name drop not null,
  alter column secret_key drop not null,
  add column owners text[] not null default '{}',
  add column auth jsonb,
  add column url text not null default '',
  add column allow_private boolean not null default false;

-- A notice names a secret, or a resource all leases of which are to be dropped.
alter table invalidations
  add column kind text not null default '',
  add column uid text not null default '';

create table owned_credentials (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  kind text not null,
  uid text not null,
  owner_kind text not null check (owner_kind in ('user', 'team', 'organisation')),
  owner text not null,
  resource_name text not null,
  origin text not null,
  data_key_id text not null,
  sealed bytea not null,
  revision bigint not null default 1,
  changed_by text not null,
  changed_at timestamptz not null default now(),
  primary key (tenant, kind, uid, owner_kind, owner),
  foreign key (tenant, data_key_id) references data_keys (tenant, id)
);

alter table owned_credentials enable row level security;
alter table owned_credentials force row level security;
create policy tenant_only on owned_credentials
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
