-- What people are asked, what they said, and what untrusted content left behind. Contents are sealed, digests are keyed.

create table approvals (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  trajectory text not null,
  principal_id text not null,
  -- Empty where nobody stands behind the credential.
  user_id text not null,
  -- Keyed digest of who, run, tool and arguments.
  call_digest text not null,
  -- The same with labels, origins and the rules that decide: all that an approval is for.
  binding text not null,
  -- pending, approved, rejected, expired, void or used.
  state text not null,
  -- Sealed: the call, why it is asked about, who may decide.
  content bytea not null,
  -- Sealed: what was said so far.
  words bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  -- When the webhook is called again; null: not again.
  remind_at timestamptz,
  -- What it was used for; the same use may be made again.
  used_by text,
  primary key (tenant, id)
);
create unique index approvals_open on approvals (tenant, binding) where state in ('pending', 'approved', 'rejected');
create index approvals_call on approvals (tenant, call_digest);
create index approvals_use on approvals (tenant, binding, used_by) where state = 'used';
create index approvals_pending on approvals (tenant, principal_id, user_id) where state = 'pending';
create index approvals_newest on approvals (tenant, created_at desc, id desc);
create index approvals_reminders on approvals (remind_at) where state = 'pending' and remind_at is not null;
create index approvals_expiry on approvals (expires_at);

create table endorsements (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  principal_id text not null,
  user_id text not null,
  -- Empty: in every run of the user.
  trajectory text not null,
  approval_id text not null,
  endorsed_by text not null,
  -- Sealed: tool, argument and value.
  content bytea not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id)
);
create index endorsements_expiry on endorsements (expires_at);
create index endorsements_newest on endorsements (tenant, created_at desc, id desc);

-- One row for each form in which an endorsed value may be written.
create table endorsed_forms (
  tenant text not null,
  -- Keyed digest of holder, tool, argument and form.
  digest text not null,
  endorsement_id text not null,
  primary key (tenant, digest, endorsement_id),
  foreign key (tenant, endorsement_id) references endorsements (tenant, id) on delete cascade
);
create index endorsed_forms_endorsement on endorsed_forms (tenant, endorsement_id);

-- Values that untrusted content brought, by user, so that neither a new run nor a new key cleans them.
create table untrusted_values (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  user_id text not null,
  digest text not null,
  source text not null,
  seen_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, user_id, digest)
);
create index untrusted_values_age on untrusted_values (tenant, user_id, seen_at);
create index untrusted_values_expiry on untrusted_values (expires_at);

-- Files, notes, tickets and messages into which untrusted content was written, by keyed digest of their ids.
create table untrusted_objects (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  digest text not null,
  -- As `toJson` of turn/label writes it.
  label jsonb not null,
  expires_at timestamptz not null,
  primary key (tenant, digest)
);
create index untrusted_objects_expiry on untrusted_objects (expires_at);

-- Calls that were let go with untrusted arguments and whose result names the object that they made.
create table untrusted_calls (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  digest text not null,
  label jsonb not null,
  expires_at timestamptz not null,
  primary key (tenant, digest)
);
create index untrusted_calls_expiry on untrusted_calls (expires_at);

-- Records on their way to audit: written with what they tell of, deleted once audit has them.
create table outgoing_records (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  record bytea not null,
  primary key (tenant, id)
);

-- How often rules in Observe would have acted, and for whom, since their policy last changed.
create table observed_rules (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  policy text not null,
  revision text not null,
  rule text not null,
  count bigint not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, policy, revision, rule)
);
create table observed_principals (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  policy text not null,
  revision text not null,
  rule text not null,
  -- Digest of the principal.
  principal text not null,
  updated_at timestamptz not null default now(),
  primary key (tenant, policy, revision, rule, principal)
);

do $$
declare
  name text;
begin
  foreach name in array array['approvals', 'endorsements', 'endorsed_forms', 'untrusted_values', 'untrusted_objects',
    'untrusted_calls', 'outgoing_records', 'observed_rules', 'observed_principals']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant_only on %I using (tenant = current_setting(''sallyport.tenant'', true)
      or current_setting(''sallyport.tenant'', true) = ''*'')', name);
  end loop;
end $$;
