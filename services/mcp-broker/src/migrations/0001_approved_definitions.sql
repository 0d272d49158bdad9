-- The definition of each tool that is in force: pinned when it was first seen, replaced only when the ToolServer names
-- another digest. Digests only, never the definitions themselves.

create table approved_definitions (
  tenant text not null check (tenant <> '' and tenant <> '*'),
  -- UID of the ToolServer: one made anew under the same name starts without pins.
  server_uid text not null,
  tool text not null,
  -- 64 hex digits.
  digest text not null,
  first_seen timestamptz not null default now(),
  primary key (tenant, server_uid, tool)
);

alter table approved_definitions enable row level security;
alter table approved_definitions force row level security;
create policy tenant_only on approved_definitions
  using (tenant = current_setting('sallyport.tenant', true) or current_setting('sallyport.tenant', true) = '*');
