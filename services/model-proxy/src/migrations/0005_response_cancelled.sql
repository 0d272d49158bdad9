-- That a response in the background was cancelled is asked several times a second by the replica that makes it, which opens nothing for
-- that.
alter table responses add column cancelled boolean not null default false;
