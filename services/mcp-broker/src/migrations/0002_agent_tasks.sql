-- Tasks and contexts of agents (A2A). Clients know ours by ids of ours, each of one principal of one tenant; the agent's
-- own ids stay here. Ids only: nothing of what was said. A setting of '*' is cross-tenant work: sweeping what has expired.

create table agent_contexts (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  -- UID of the ToolServer: an agent made anew under the same name knows none of these.
  server_uid text not null,
  -- As clients know it; they may choose it.
  id text not null,
  -- As the agent knows it.
  agent_id text not null,
  -- The run that messages in it are part of; empty: none was named. A claim, which policy judges at each use.
  trajectory text not null,
  expires_at timestamptz not null,
  primary key (tenant, principal_id, user_id, server_uid, id)
);
create unique index agent_contexts_theirs on agent_contexts (tenant, principal_id, user_id, server_uid, agent_id);
create index agent_contexts_expiry on agent_contexts (expires_at);

create table agent_tasks (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  principal_id text not null,
  user_id text not null,
  server_uid text not null,
  id text not null,
  agent_id text not null,
  -- As clients know it.
  context_id text not null,
  expires_at timestamptz not null,
  primary key (tenant, principal_id, user_id, server_uid, id)
);
create unique index agent_tasks_theirs on agent_tasks (tenant, principal_id, user_id, server_uid, agent_id);
create index agent_tasks_expiry on agent_tasks (expires_at);

alter table agent_contexts enable row level security;
alter table agent_contexts force row level security;
create policy tenant_only on agent_contexts
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table agent_tasks enable row level security;
alter table agent_tasks force row level security;
create policy tenant_only on agent_tasks
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
