-- advance_triggers: move triggers on that nobody has changed since they were read.
-- takes ids int8[] (ascending, each once), generations int8[], states text[], next_slots
--     timestamptz[] (these three: as they were read), new_states text[], reasons text[],
--     new_next_slots timestamptz[], last_slots timestamptz[], new_firings int8[] (to be added),
--     resume_ats timestamptz[] (as they were read), new_resume_ats timestamptz[], anchor_ats
--     timestamptz[] (NULL: they stay), new_generations int8[]; an array of one stands for all
-- returns id int8 (of those that moved)
-- index trigger_pkey, also where the planner thinks the table empty: there is no join, which could
--     be planned as a loop in a loop; what belongs to a trigger stands where its id stands among
--     the ids, and width_bucket finds that place by halving
update callboard.trigger
set
    generation = ($13::int8[])[
        case when cardinality($13) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    state = ($5::text[])[
        case when cardinality($5) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    reason = ($6::text[])[
        case when cardinality($6) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    next_slot = ($7::timestamptz[])[
        case when cardinality($7) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    last_slot = ($8::timestamptz[])[
        case when cardinality($8) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    firings = trigger.firings + ($9::int8[])[
        case when cardinality($9) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    resume_at = ($11::timestamptz[])[
        case when cardinality($11) = 1 then 1 else width_bucket(trigger.id, $1) end
    ],
    anchor_at = case
        when $12::timestamptz[] is null then trigger.anchor_at
        else ($12::timestamptz[])[
            case when cardinality($12) = 1 then 1 else width_bucket(trigger.id, $1) end
        ]
    end
where trigger.id = any($1::int8[])
    and trigger.generation = ($2::int8[])[
        case when cardinality($2) = 1 then 1 else width_bucket(trigger.id, $1) end
    ]
    and trigger.state = ($3::text[])[
        case when cardinality($3) = 1 then 1 else width_bucket(trigger.id, $1) end
    ]
    and trigger.next_slot is not distinct from ($4::timestamptz[])[
        case when cardinality($4) = 1 then 1 else width_bucket(trigger.id, $1) end
    ]
    and trigger.resume_at is not distinct from ($10::timestamptz[])[
        case when cardinality($10) = 1 then 1 else width_bucket(trigger.id, $1) end
    ]
returning trigger.id;
