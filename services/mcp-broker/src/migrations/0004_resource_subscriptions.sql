-- Which resources the clients of sessions of the older line want to be told of: its requests come to any replica, and the
-- stream on which it is told may be at another. A setting of '*' is cross-tenant work: sweeping what has expired.

create table resource_subscriptions (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- The run that the session names; its id is bound to the principal by a proof that is not kept.
  session text not null,
  principal_id text not null,
  -- As clients know it.
  uri text not null,
  expires_at timestamptz not null,
  primary key (tenant, session, uri)
);
create index resource_subscriptions_principal on resource_subscriptions (tenant, principal_id);
create index resource_subscriptions_expiry on resource_subscriptions (expires_at);

alter table resource_subscriptions enable row level security;
alter table resource_subscriptions force row level security;
create policy tenant_only on resource_subscriptions
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
