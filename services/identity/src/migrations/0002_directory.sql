-- People and groups as SCIM and sign-in bring them, Team resources, who is in which team now; notices of more than keys.

create table users (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  -- As all resources say it: NFC, lower case.
  name text not null,
  -- What the name looks like; set only where it has other letters than ASCII's, or may be taken for one that has.
  look text not null,
  display_name text not null default '',
  -- IdentityProvider that vouches for the person, and their id there; empty and null while nobody does.
  provider text not null default '',
  subject text,
  external_id text,
  active boolean not null default true,
  -- SCIM keeps this person: their teams are all known here.
  provisioned boolean not null default false,
  -- What SCIM says of them beside the columns.
  attributes jsonb not null default '{}',
  revision bigint not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  -- The person is gone; the row stays, so that their keys stay dead, until somebody of that name comes.
  deleted_at timestamptz,
  -- Somebody else had this name before: keys older than this are not this person's.
  heir_since timestamptz,
  primary key (tenant, id)
);
create unique index users_name on users (tenant, name);
create unique index users_subject on users (tenant, provider, subject) where subject is not null;
create unique index users_external on users (tenant, provider, external_id)
  where external_id is not null and deleted_at is null;
create index users_look on users (tenant, look);

create table groups (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  name text not null,
  provider text not null default '',
  external_id text,
  revision bigint not null default 1,
  created_at timestamptz not null default now(),
  changed_at timestamptz not null default now(),
  primary key (tenant, id)
);
create unique index groups_name on groups (tenant, lower(name));
create unique index groups_external on groups (tenant, provider, external_id) where external_id is not null;

create table memberships (
  tenant text not null,
  group_id text not null,
  user_id text not null,
  primary key (tenant, group_id, user_id),
  foreign key (tenant, group_id) references groups (tenant, id) on delete cascade,
  foreign key (tenant, user_id) references users (tenant, id) on delete cascade
);
create index memberships_user on memberships (tenant, user_id);

-- Team resources as last taken in, so that an older snapshot of another replica cannot bring somebody back.
create table teams (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  name text not null,
  uid text not null,
  generation bigint not null,
  resource_created_at timestamptz not null,
  member_users text[] not null,
  member_groups text[] not null,
  -- CEL; null: none.
  claims text,
  owners text[] not null,
  primary key (tenant, name)
);

-- Who is in which team now, worked out of all above whenever any of it changes. People by name: a Team may name
-- somebody of whom the directory knows nothing.
create table team_members (
  tenant text not null,
  team text not null,
  user_name text not null,
  owner boolean not null default false,
  primary key (tenant, team, user_name)
);
create index team_members_user on team_members (tenant, user_name);

alter table revocations alter column key_id set default '';
alter table revocations add column user_name text not null default '';
alter table revocations add column client text not null default '';
alter table revocations add column session_id text not null default '';
alter table revocations add column told_by text not null default '';
-- Id of the record in the log; null where nothing ended. Recorded once audit has it.
alter table revocations add column record_id text;
alter table revocations add column recorded boolean not null default false;
create index revocations_unrecorded on revocations (sequence) where record_id is not null and not recorded;

do $$
declare
  name text;
begin
  foreach name in array array['users', 'groups', 'memberships', 'teams', 'team_members']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant_only on %I using (tenant = current_setting(''sallyport.tenant'', true)
      or current_setting(''sallyport.tenant'', true) = ''*'')', name);
  end loop;
end $$;
