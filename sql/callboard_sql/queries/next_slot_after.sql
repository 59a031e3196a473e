-- next_slot_after: the earliest instant later than a given one at which a trigger has to be looked
--     at.
-- takes instant timestamptz
-- returns wake_at timestamptz (NULL: there is none)
-- index trigger_wake_idx (wake_at, id) where wake_at is not null
select min(wake_at) as wake_at
from callboard.trigger
where wake_at > $1;
