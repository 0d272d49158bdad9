-- What the log says of a notice where the reason alone does not: somebody joined a team, a person was provisioned.
alter table revocations add column said text;
