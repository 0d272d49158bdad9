-- Calls that their callers gave a key, so that a call that is sent again is not made again: what it came to, sealed, for as
-- long as the key counts. A setting of '*' is cross-tenant work: sweeping what has expired.

create table once_calls (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  -- Digest of the caller's key.
  key text not null,
  -- Digest of tool and arguments: a key stands for one call.
  call text not null,
  -- Sealed; null while it is under way, and where nobody knows what became of it.
  outcome bytea,
  -- Until when whoever makes it may be at it.
  running_until timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, principal_id, user_id, key)
);
create index once_calls_expiry on once_calls (expires_at);

alter table once_calls enable row level security;
alter table once_calls force row level security;
create policy tenant_only on once_calls
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
