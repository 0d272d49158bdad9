-- Ids of the messages that a task has taken, as digests, the last of them: one that is sent again is not taken again. Tasks of
-- before have none.
alter table loop_tasks add column messages text[] not null default '{}';
