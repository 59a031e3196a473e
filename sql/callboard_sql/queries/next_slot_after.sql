-- next_slot_after: the earliest next slot later than an instant among active and paused triggers.
-- takes instant timestamptz
-- returns next_slot timestamptz (NULL: there is none)
-- index trigger_due_idx (next_slot, id) where state in ('active', 'paused')
select min(next_slot) as next_slot
from callboard.trigger
where state in ('active', 'paused')
    and next_slot > $1;
