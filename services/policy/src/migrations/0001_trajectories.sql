-- What runs have released and how they are labelled: keyed digests and ids, never content.
-- A setting of '*' is cross-tenant work: sweeping what has expired.

create table trajectories (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  -- As `toJson` of turn/label writes it; it only ever gets more restricted.
  label jsonb not null,
  steps bigint not null default 0,
  updated_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index trajectories_expiry on trajectories (expires_at);

create table released_digests (
  tenant text not null,
  digest text not null,
  trajectory text not null,
  principal_id text not null,
  user_id text not null,
  -- assistant, call or result.
  kind text not null,
  tool text not null,
  label jsonb not null,
  primary key (tenant, digest, trajectory),
  foreign key (tenant, trajectory) references trajectories (tenant, id) on delete cascade
);
create index released_digests_trajectory on released_digests (tenant, trajectory);

-- Ids of tool calls and digests of whole assistant messages, by which a request without a header finds its run.
create table released_marks (
  tenant text not null,
  -- call or message.
  kind text not null,
  mark text not null,
  trajectory text not null,
  primary key (tenant, kind, mark, trajectory),
  foreign key (tenant, trajectory) references trajectories (tenant, id) on delete cascade
);
create index released_marks_trajectory on released_marks (tenant, trajectory);

alter table trajectories enable row level security;
alter table trajectories force row level security;
create policy tenant_only on trajectories
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table released_digests enable row level security;
alter table released_digests force row level security;
create policy tenant_only on released_digests
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');

alter table released_marks enable row level security;
alter table released_marks force row level security;
create policy tenant_only on released_marks
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
