-- next_delivery_at: when the next message is due.
-- takes nothing
-- returns due_at timestamptz; one row, NULL when none waits
-- index webhook_delivery_due_idx
select min(delivery.due_at) as due_at
from callboard.webhook_delivery as delivery
where delivery.state = 'queued';
