-- Each release was checked twice against its run, at the price of a look-up and a row lock a digest and a mark. The row of
-- a run is locked by whoever adds to it or sweeps it, and sweeping takes digests and marks along itself.
alter table released_digests drop constraint released_digests_tenant_trajectory_fkey;
alter table released_marks drop constraint released_marks_tenant_trajectory_fkey;
