-- Tasks of agents that are the gateway's own turn loop (A2A), under ids that only this service knows: what clients call them
-- stands in agent_tasks and agent_contexts. What was said is sealed. A setting of '*' is cross-tenant work: sweeping.

create table loop_tasks (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  -- UID of the ToolServer: an agent made anew under the same name knows none of these.
  server_uid text not null,
  id text not null,
  context_id text not null,
  state text not null,
  -- Sealed: what it said, what it waits for, and by what its conversation goes on.
  said bytea not null,
  -- A task at work of which nothing was heard until then has lost its process.
  running_until timestamptz not null,
  changed_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (tenant, principal_id, user_id, server_uid, id)
);
create index loop_tasks_context on loop_tasks (tenant, principal_id, user_id, server_uid, context_id, changed_at);
create index loop_tasks_expiry on loop_tasks (expires_at);

alter table loop_tasks enable row level security;
alter table loop_tasks force row level security;
create policy tenant_only on loop_tasks
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
