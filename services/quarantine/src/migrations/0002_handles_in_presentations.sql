-- A presentation holds the values behind its handles in its own sealed text: one row, however many handles. What was
-- shown before is read anew.
truncate presentations;
drop table handles;

-- Ids of its handles: 128 random bits each, which tell nothing.
alter table presentations add column handle_ids uuid[] not null;
