-- What people brought outlives its resource for a while; and what identity providers want people to be asked for.

-- Since when the resource is gone that this was brought for; null while it is there.
alter table oauth_grants add column ungranted_at timestamptz;
alter table oauth_clients add column ungranted_at timestamptz;
alter table owned_credentials add column ungranted_at timestamptz;

create table sign_in_challenges (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  uid text not null,
  user_name text not null,
  -- A `claims` parameter (OpenID Connect Core, section 5.5); no secret.
  claims text not null,
  at timestamptz not null default now(),
  primary key (tenant, uid, user_name)
);

alter table sign_in_challenges enable row level security;
alter table sign_in_challenges force row level security;
create policy tenant_only on sign_in_challenges
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
