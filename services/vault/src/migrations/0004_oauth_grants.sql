-- People's grants at tool servers, by OAuth: this service is the client and keeps their tokens, sealed.

create table oauth_clients (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  uid text not null,
  -- A registration is of one issuer: another one gets another.
  issuer text not null,
  redirect_uri text not null,
  data_key_id text not null,
  sealed bytea not null,
  registered_at timestamptz not null default now(),
  primary key (tenant, uid, issuer, redirect_uri),
  foreign key (tenant, data_key_id) references data_keys (tenant, id)
);

-- A connection that a person began. Its row is taken out before its code is used, so that none is used twice.
create table oauth_flows (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- SHA-256 of the state that the browser brings back.
  id text not null,
  user_name text not null,
  uid text not null,
  data_key_id text not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  primary key (tenant, id),
  foreign key (tenant, data_key_id) references data_keys (tenant, id)
);
create index oauth_flows_of_user on oauth_flows (tenant, user_name);

create table oauth_grants (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  uid text not null,
  user_name text not null,
  resource_name text not null,
  -- Origin of the tool server at connection: tokens go to no other.
  origin text not null,
  issuer text not null,
  scopes text[] not null,
  data_key_id text not null,
  -- Tokens, and what is needed to refresh and revoke them.
  sealed bytea not null,
  expires_at timestamptz,
  -- Its issuer took it back; it has to be connected anew.
  ended boolean not null default false,
  revision bigint not null default 1,
  -- Who refreshes it now, and until when nobody else does: one of all replicas.
  refresh_by text,
  refresh_until timestamptz,
  connected_at timestamptz not null default now(),
  used_at timestamptz,
  primary key (tenant, uid, user_name),
  foreign key (tenant, data_key_id) references data_keys (tenant, id)
);

alter table oauth_clients enable row level security;
alter table oauth_clients force row level security;
create policy tenant_only on oauth_clients
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table oauth_flows enable row level security;
alter table oauth_flows force row level security;
create policy tenant_only on oauth_flows
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table oauth_grants enable row level security;
alter table oauth_grants force row level security;
create policy tenant_only on oauth_grants
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
