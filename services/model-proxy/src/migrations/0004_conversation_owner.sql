-- How many conversations a principal has is counted before another one begins.
create index conversations_owner on conversations (tenant, principal_id, user_id);
