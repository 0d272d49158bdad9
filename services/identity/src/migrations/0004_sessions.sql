-- Sessions of people with the pages of console, what identity providers last said of people, and records on their way to
-- audit.

-- Only the keyed digest of what the browser holds is here.
create table browser_sessions (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  digest bytea not null check (octet_length(digest) = 32),
  user_id text not null,
  -- IdentityProvider that signed the person in.
  provider text not null,
  started_at timestamptz not null default now(),
  used_at timestamptz not null default now(),
  expires_at timestamptz not null,
  primary key (tenant, id),
  foreign key (tenant, user_id) references users (tenant, id) on delete cascade
);
create unique index browser_sessions_digest on browser_sessions (tenant, digest);
create index browser_sessions_user on browser_sessions (tenant, user_id);
create index browser_sessions_expiry on browser_sessions (expires_at);

-- Teams, role and claims by the mapping of the provider at the person's last sign-in, sealed.
create table said_of_people (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  user_id text not null,
  provider text not null,
  sealed bytea not null,
  at timestamptz not null default now(),
  primary key (tenant, user_id),
  foreign key (tenant, user_id) references users (tenant, id) on delete cascade
);

-- Records of what people and clients did here, written with what they tell of; gone once audit has them.
create table record_outbox (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  id text not null,
  record bytea not null,
  primary key (tenant, id)
);

-- Whoever ends a person, in whatever way, ends their sessions in the same transaction: coming back does not revive them.
create function end_sessions_of_person() returns trigger language plpgsql as $$
begin
  delete from browser_sessions where tenant = new.tenant and user_id = new.id;
  delete from said_of_people where tenant = new.tenant and user_id = new.id;
  return null;
end $$;
create trigger users_end_sessions after update of active, deleted_at on users for each row
  when (not new.active or new.deleted_at is not null) execute function end_sessions_of_person();

do $$
declare
  name text;
begin
  foreach name in array array['browser_sessions', 'said_of_people', 'record_outbox']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy tenant_only on %I using (tenant = current_setting(''sallyport.tenant'', true)
      or current_setting(''sallyport.tenant'', true) = ''*'')', name);
  end loop;
end $$;
