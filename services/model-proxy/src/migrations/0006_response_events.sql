-- The frames that were told of a response in the background, sealed by themselves: whoever goes on from a response opens none of
-- them. Null: there are none, or they stand in the row's other value, as they did before.
alter table responses add column told bytea;
-- When who makes a response in the background was last known to live; null as above, or where nobody makes it. Written again and
-- again, so that it has to be small.
alter table responses add column beat_at timestamptz;
