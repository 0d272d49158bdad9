-- What the OAuth server keeps. Nothing in here can be presented: codes, refresh tokens, sessions and the like stand as
-- keyed digests of what clients and browsers hold, their content is sealed by keys that are not in the database.

create table oauth_artefacts (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- The library's name of the model: AuthorizationCode, RefreshToken, Session, Interaction …
  kind text not null,
  digest bytea not null check (octet_length(digest) = 32),
  pepper_id text not null,
  -- A second handle that it is found by (a session's uid).
  uid_digest bytea,
  grant_id text,
  -- How often a refresh token was rotated before this one.
  rotation integer,
  sealed bytea not null,
  expires_at timestamptz not null,
  -- Used: a code or refresh token passes once.
  consumed_at timestamptz,
  -- The answer to that use was sent. Without it (the process was killed) a refresh token may be used again.
  answered_at timestamptz,
  primary key (tenant, kind, digest)
);
create index oauth_artefacts_grant on oauth_artefacts (tenant, grant_id) where grant_id is not null;
create index oauth_artefacts_uid on oauth_artefacts (tenant, kind, uid_digest) where uid_digest is not null;
create index oauth_artefacts_expiry on oauth_artefacts (expires_at);

-- What somebody let a client do; tokens name it (sid) and end with it.
create table oauth_grants (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  -- Empty: the client acts for itself.
  user_name text not null,
  client text not null,
  identity_provider text not null,
  scopes text[] not null,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_reason text,
  ended_by text,
  primary key (tenant, id)
);
create index oauth_grants_user on oauth_grants (tenant, user_name, id desc) where ended_at is null;
create index oauth_grants_client on oauth_grants (tenant, client) where ended_at is null;
create index oauth_grants_expiry on oauth_grants (expires_at);

-- Clients that registered themselves (RFC 7591).
create table oauth_clients (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  sealed bytea not null,
  created_at timestamptz not null default now(),
  used_at timestamptz not null default now(),
  primary key (tenant, id)
);
create index oauth_clients_used on oauth_clients (tenant, used_at);

-- What people have said yes to before, so that they are not asked twice.
create table oauth_consents (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  user_name text not null,
  client text not null,
  resource text not null,
  scopes text[] not null,
  at timestamptz not null default now(),
  primary key (tenant, user_name, client, resource)
);

-- Sign-ins that are under way at an upstream provider; taken out by the one answer that fits.
create table oauth_sign_ins (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  state_digest bytea not null,
  sealed bytea not null,
  expires_at timestamptz not null,
  primary key (tenant, state_digest)
);
create index oauth_sign_ins_expiry on oauth_sign_ins (expires_at);

do $$
declare
  name text;
begin
  foreach name in array array['oauth_artefacts', 'oauth_grants', 'oauth_clients', 'oauth_consents', 'oauth_sign_ins']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant_only on %I using (tenant = current_setting(''sallyport.tenant'', true)
      or current_setting(''sallyport.tenant'', true) = ''*'')', name);
  end loop;
end $$;
