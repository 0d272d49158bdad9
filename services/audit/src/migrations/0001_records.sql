-- What the log keeps of every step. Nothing here is ever changed: the service may add rows and read them, no more.
-- A setting of '*' is cross-tenant work: one commit for the records of all tenants that wait (group commit).

create table records (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id uuid not null,
  -- Number of Record.Kind in proto/sallyport/audit/v1.
  kind smallint not null,
  trajectory text not null,
  turn text not null,
  step integer not null,
  started_at timestamptz not null,
  duration_ms float8 not null,
  principal_id text not null,
  user_id text not null,
  teams text[] not null,
  customer text not null,
  key_id text not null,
  client text not null,
  model text not null,
  provider text not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cache_read_tokens bigint not null,
  cache_write_tokens bigint not null,
  reasoning_tokens bigint not null,
  -- Null: the price was not known.
  cost_nano_usd bigint,
  prompt_version text not null,
  variant text not null,
  feature text not null,
  project text not null,
  outcome text not null,
  error_code text not null,
  tool text not null,
  intent_id uuid,
  verdict text not null,
  enforced text not null,
  rule text not null,
  policy_revision text not null,
  label_trusted boolean not null,
  -- The whole record as protobuf, without the decision inputs. The columns above are taken from it, for queries.
  body bytea not null,
  -- Decision inputs, sealed under a key of the tenant.
  sealed_inputs bytea,
  recorded_at timestamptz not null default now(),
  primary key (tenant, id)
);
-- A run in order, and runs newest first: their ids are UUID v7.
create index records_trajectory on records (tenant, trajectory, started_at);
create index records_principal on records (tenant, principal_id, trajectory);
create index records_key on records (tenant, key_id, trajectory);
create index records_usage on records (tenant, started_at);

alter table records enable row level security;
alter table records force row level security;
create policy tenant_only on records
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

-- The role owns nothing; what it may not do it cannot give itself back either.
revoke update, delete, truncate on records from sallyport_audit;
