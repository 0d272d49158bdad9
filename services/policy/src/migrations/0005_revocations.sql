-- Whose approvals are, by every id that a revocation may name, and how far revocations were heard.

-- Ids such as key:…, user:…, client:…, session:…, those of actors included.
alter table approvals add column subjects text[] not null default '{}';

create table revocations_heard (
  -- One row, of no tenant.
  tenant text primary key default '*' check (tenant = '*'),
  sequence double precision not null,
  heard_at timestamptz not null default now()
);
alter table revocations_heard enable row level security;
alter table revocations_heard force row level security;
create policy every_tenant on revocations_heard using (current_setting('sallyport.tenant', true) = '*');
