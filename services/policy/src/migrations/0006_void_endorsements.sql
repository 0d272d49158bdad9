-- Endorsements that are over because what they are for is gone: they stay listed until their time is over.

alter table endorsements
  -- UID of the ToolServer of the tool; empty where it is no brokered tool, and in those of before.
  add column server_uid text not null default '',
  add column void_at timestamptz,
  add column void_reason text not null default '';
create index endorsements_servers on endorsements (tenant, server_uid) where void_at is null and server_uid <> '';
