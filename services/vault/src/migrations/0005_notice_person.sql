-- A notice about a resource may be of one person alone: nobody else has to look anew.

alter table invalidations add column user_name text not null default '';
