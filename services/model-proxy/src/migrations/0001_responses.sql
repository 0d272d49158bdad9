-- Responses and conversations of OpenAI's Responses API, all that was said in them sealed. Each is of one principal of one tenant.
-- A setting of '*' is cross-tenant work: sweeping what has expired.

create table responses (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  trajectory text not null,
  -- The response that this one went on from, and the conversation that it is of; empty: none.
  previous_id text not null default '',
  conversation_id text not null default '',
  -- Ids of its input and output items, by which later requests may refer to them.
  item_ids text[] not null,
  -- Sealed: the response as it was told, and the input that it answered, without what came from earlier ones.
  sealed bytea not null,
  -- Of the whole context that the next response goes on from.
  context_bytes bigint not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index responses_items on responses using gin (item_ids);
create index responses_expiry on responses (expires_at);

create table conversations (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  user_id text not null,
  -- The run that it is part of; empty before its first response.
  trajectory text not null default '',
  -- Sealed: its metadata.
  sealed bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index conversations_expiry on conversations (expires_at);

create table conversation_items (
  tenant text not null,
  conversation_id text not null,
  id text not null,
  position bigint generated always as identity,
  sealed bytea not null,
  primary key (tenant, conversation_id, id),
  foreign key (tenant, conversation_id) references conversations (tenant, id) on delete cascade
);
create index conversation_items_order on conversation_items (tenant, conversation_id, position);

alter table responses enable row level security;
alter table responses force row level security;
create policy tenant_only on responses
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table conversations enable row level security;
alter table conversations force row level security;
create policy tenant_only on conversations
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table conversation_items enable row level security;
alter table conversation_items force row level security;
create policy tenant_only on conversation_items
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
