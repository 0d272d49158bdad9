-- What is open is looked for every few seconds, and what is over stays listed for weeks.
create index approvals_open_expiry on approvals (expires_at) where state in ('pending', 'approved');
