-- What pg_dump (15, --schema-only --schema=callboard, without settings and comments) says of a
-- database that has all migrations. To be read in reviews; a test holds it against migrations/,
-- which are what makes a database.

CREATE SCHEMA callboard;

CREATE FUNCTION callboard.add_run_partition(from_id bigint, until_id bigint) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
    declare
        partition text := 'ended_run_' || from_id;
    begin
        perform set_config('lock_timeout', '200ms', true);
        lock table callboard.ended_run in share update exclusive mode;
        if to_regclass('callboard.' || partition) is not null then
            return false;
        end if;
        execute format(
            'create table callboard.%I (like callboard.ended_run including constraints)', partition
        );
        execute format(
            'alter table callboard.ended_run attach partition callboard.%I for values from (%s) to (%s)',
            partition, from_id, until_id
        );
        return true;
    end
    $$;

COMMENT ON FUNCTION callboard.add_run_partition(from_id bigint, until_id bigint) IS 'Makes room for the history of the runs from_id to until_id - 1; whether it was not there already. Waits for locks a moment only.';

CREATE FUNCTION callboard.drop_run_partition(partition text) RETURNS boolean
    LANGUAGE plpgsql
    AS $_$
    begin
        perform set_config('lock_timeout', '200ms', true);
        lock table callboard.ended_run in share update exclusive mode;
        if partition !~ '^ended_run_[0-9]+$' or to_regclass('callboard.' || partition) is null then
            return false;
        end if;
        execute format('drop table callboard.%I', partition);
        return true;
    end
    $_$;

COMMENT ON FUNCTION callboard.drop_run_partition(partition text) IS 'Removes a part of the history; whether it was there. Waits for locks a moment only.';

CREATE FUNCTION callboard.is_run_partition_over(partition text, ended_before timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
    declare
        is_over boolean;
    begin
        -- With the instant in its text the plan is made for it: a few young runs are found by the
        -- index on ended_at.
        execute format(
            'select not exists (select from callboard.%I where ended_at >= %L)', partition, ended_before
        ) into is_over;
        return is_over;
    end
    $$;

COMMENT ON FUNCTION callboard.is_run_partition_over(partition text, ended_before timestamp with time zone) IS 'Whether all runs of a part of the history ended before an instant.';

CREATE TABLE callboard.calendar (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL,
    definition jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT calendar_description_check CHECK ((char_length(description) <= 10000)),
    CONSTRAINT calendar_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT calendar_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT calendar_version_check CHECK ((version >= 1))
);

CREATE TABLE callboard.trigger_calendar (
    group_name text NOT NULL COLLATE pg_catalog."C",
    calendar text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint NOT NULL
);

COMMENT ON TABLE callboard.trigger_calendar IS 'Which triggers obey which calendar: an index over trigger.calendars that an advancing trigger need not touch.';

CREATE FUNCTION callboard.known_calendars(trigger_id bigint) RETURNS text
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT (jsonb_agg(jsonb_build_object('id', calendar.id, 'name', calendar.name, 'version', calendar.version, 'description', calendar.description, 'definition', calendar.definition)))::text AS jsonb_agg
    FROM (callboard.trigger_calendar used
      JOIN callboard.calendar ON (((calendar.group_name = used.group_name) AND (calendar.name = used.calendar))))
   WHERE (used.trigger_id = known_calendars.trigger_id);
END;

COMMENT ON FUNCTION callboard.known_calendars(trigger_id bigint) IS 'The calendars that a trigger obeys, as they are now: an array for whoever reads the trigger.';

CREATE FUNCTION callboard.save_chunk(step_id bigint, held_epoch bigint, reads bigint, writes bigint, filters bigint, commits bigint, rollbacks bigint, read_skips bigint, process_skips bigint, write_skips bigint, retries bigint, cursor_value jsonb, context jsonb, now timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
    declare
        run_state text;
    begin
        -- There is nothing but the commit to come: who stands still now does not hold the row for long.
        perform set_config('idle_in_transaction_session_timeout', '10s', true);
        update callboard.batch_step as step
        set
            reads = save_chunk.reads,
            writes = save_chunk.writes,
            filters = save_chunk.filters,
            commits = save_chunk.commits,
            rollbacks = save_chunk.rollbacks,
            read_skips = save_chunk.read_skips,
            process_skips = save_chunk.process_skips,
            write_skips = save_chunk.write_skips,
            retries = save_chunk.retries,
            cursor_value = save_chunk.cursor_value,
            context = save_chunk.context,
            committed_at = coalesce(save_chunk.now, clock_timestamp())
        from callboard.live_run as run
        where step.id = save_chunk.step_id
            and coalesce(step.state, '') = 'running' -- not for the partial indexes to see
            and run.id = step.run_id
            and run.epoch = save_chunk.held_epoch
            and coalesce(run.state, '') in ('running', 'stopping')
            and current_setting('callboard_chunk.is_begun', true) = 'on'
        returning run.state into run_state;
        return run_state;
    end
    $$;

COMMENT ON FUNCTION callboard.save_chunk(step_id bigint, held_epoch bigint, reads bigint, writes bigint, filters bigint, commits bigint, rollbacks bigint, read_skips bigint, process_skips bigint, write_skips bigint, retries bigint, cursor_value jsonb, context jsonb, now timestamp with time zone) IS 'Stores a step''s checkpoint and says in what state its run is; null: it is not held any more, or this is not the transaction that the chunk began. A function, because it runs in sessions whose other statements are the step''s, and needs its own plan settings: live_run is empty one second, and a million rows the next.';

CREATE FUNCTION callboard.take_event_numbers() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
    begin
        lock table callboard.stream_head in exclusive mode;
        return coalesce(
            (select batch.last_seq from callboard.event_batch as batch order by batch.first_seq desc limit 1),
            (select head.seq from callboard.stream_head as head)
        ) + 1;
    end
    $$;

COMMENT ON FUNCTION callboard.take_event_numbers() IS 'The first number for a batch of events, to be stored in this transaction. Waits until the one before has been committed, and sees it, whatever the snapshot of the caller.';

CREATE TABLE callboard.backfill (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    trigger text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint NOT NULL,
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    reason text,
    force boolean NOT NULL,
    overlap text NOT NULL,
    max_concurrent integer NOT NULL,
    cursor_at timestamp with time zone NOT NULL,
    slots_total bigint NOT NULL,
    fired bigint NOT NULL,
    skipped bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed bigint NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT backfill_ended_check CHECK (((ended_at IS NOT NULL) = (state = ANY (ARRAY['completed'::text, 'cancelled'::text])))),
    CONSTRAINT backfill_failed_check CHECK ((failed >= 0)),
    CONSTRAINT backfill_fired_check CHECK ((fired >= 0)),
    CONSTRAINT backfill_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT backfill_max_concurrent_check CHECK ((max_concurrent >= 1)),
    CONSTRAINT backfill_overlap_check CHECK ((overlap = ANY (ARRAY['trigger'::text, 'allow'::text]))),
    CONSTRAINT backfill_range_check CHECK ((until_at > from_at)),
    CONSTRAINT backfill_skipped_check CHECK ((skipped >= 0)),
    CONSTRAINT backfill_slots_total_check CHECK ((slots_total >= 0)),
    CONSTRAINT backfill_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'completed'::text, 'cancelled'::text]))),
    CONSTRAINT backfill_succeeded_check CHECK ((succeeded >= 0)),
    CONSTRAINT backfill_trigger_check CHECK (((char_length(trigger) >= 1) AND (char_length(trigger) <= 255))),
    CONSTRAINT backfill_version_check CHECK ((version >= 1))
)
WITH (fillfactor='80');

COMMENT ON COLUMN callboard.backfill.reason IS 'Why it was paused or cancelled by itself.';

COMMENT ON COLUMN callboard.backfill.cursor_at IS 'Its slots before this instant are decided.';

COMMENT ON COLUMN callboard.backfill.skipped IS 'Slots passed over, because they had fired before.';

ALTER TABLE callboard.backfill ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.backfill_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.backfilled_slot (
    trigger_id bigint NOT NULL,
    slot timestamp with time zone NOT NULL,
    backfill_id bigint NOT NULL,
    run_ids bigint[] NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone
);

COMMENT ON TABLE callboard.backfilled_slot IS 'Slots of the past that backfills fired: beside the ledger, which says what became of them in their time.';

COMMENT ON COLUMN callboard.backfilled_slot.run_ids IS 'The first runs of the chains that the slot started, in the order of the trigger''s actions.';

CREATE TABLE callboard.batch_instance (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    job text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    parameters jsonb NOT NULL,
    state text NOT NULL,
    live_run_id bigint,
    last_run_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    pruned_at timestamp with time zone,
    CONSTRAINT batch_instance_ended_check CHECK (((state = 'live'::text) = (ended_at IS NULL))),
    CONSTRAINT batch_instance_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT batch_instance_job_check CHECK (((char_length(job) >= 1) AND (char_length(job) <= 255))),
    CONSTRAINT batch_instance_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255))),
    CONSTRAINT batch_instance_live_check CHECK (((state = 'live'::text) = (live_run_id IS NOT NULL))),
    CONSTRAINT batch_instance_state_check CHECK ((state = ANY (ARRAY['live'::text, 'succeeded'::text, 'failed'::text, 'stopped'::text, 'abandoned'::text])))
)
WITH (fillfactor='80');

COMMENT ON TABLE callboard.batch_instance IS 'A batch job with its identifying parameters: at most one live run, at most one success. Whoever creates or ends a run of it has locked its row. It outlives its job, which is known by name alone.';

COMMENT ON COLUMN callboard.batch_instance.key IS 'Hash of the canonical identity, made once.';

COMMENT ON COLUMN callboard.batch_instance.parameters IS 'The identifying ones.';

COMMENT ON COLUMN callboard.batch_instance.pruned_at IS 'When its steps and moves left the history; the identity stays.';

ALTER TABLE callboard.batch_instance ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME callboard.batch_instance_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.batch_move (
    instance_id bigint NOT NULL,
    node text NOT NULL COLLATE pg_catalog."C",
    visit integer NOT NULL,
    number bigint NOT NULL,
    run_id bigint NOT NULL,
    code text NOT NULL,
    target jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT batch_move_node_check CHECK (((char_length(node) >= 1) AND (char_length(node) <= 255))),
    CONSTRAINT batch_move_visit_check CHECK ((visit >= 1))
);

COMMENT ON TABLE callboard.batch_move IS 'How the flow left each step, split and decider; a restart takes the same way.';

ALTER TABLE callboard.batch_move ALTER COLUMN number ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME callboard.batch_move_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.batch_origin (
    id uuid NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT batch_origin_only_row_check CHECK (only_row)
);

COMMENT ON TABLE callboard.batch_origin IS 'Names this database where several keep checkpoints in one application''s database.';

CREATE TABLE callboard.batch_run (
    run_id bigint NOT NULL,
    instance_id bigint NOT NULL,
    arguments jsonb NOT NULL,
    reference_names text[] NOT NULL,
    context jsonb NOT NULL,
    exit_code text NOT NULL,
    exit_message text,
    definition jsonb NOT NULL,
    mapped jsonb,
    begun_at timestamp with time zone,
    recovered_at timestamp with time zone,
    recovery text,
    CONSTRAINT batch_run_exit_code_check CHECK (((char_length(exit_code) >= 1) AND (char_length(exit_code) <= 255)))
)
WITH (fillfactor='70');

COMMENT ON TABLE callboard.batch_run IS 'What runs of batch jobs have beside what every run has; they stay when the run itself has left the history.';

CREATE TABLE callboard.batch_skip (
    id bigint NOT NULL,
    step_id bigint NOT NULL,
    run_id bigint NOT NULL,
    phase text NOT NULL,
    item_hash text NOT NULL,
    item text NOT NULL,
    error_type text NOT NULL,
    error_message text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT batch_skip_phase_check CHECK ((phase = ANY (ARRAY['read'::text, 'process'::text, 'write'::text])))
);

COMMENT ON TABLE callboard.batch_skip IS 'Items that steps have passed over; stored with their chunk.';

ALTER TABLE callboard.batch_skip ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME callboard.batch_skip_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.batch_step (
    id bigint NOT NULL,
    instance_id bigint NOT NULL,
    run_id bigint NOT NULL,
    manager_id bigint,
    first_id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    visit integer NOT NULL,
    state text NOT NULL,
    exit_code text NOT NULL,
    exit_message text,
    reads bigint NOT NULL,
    writes bigint NOT NULL,
    filters bigint NOT NULL,
    commits bigint NOT NULL,
    rollbacks bigint NOT NULL,
    read_skips bigint NOT NULL,
    process_skips bigint NOT NULL,
    write_skips bigint NOT NULL,
    retries bigint NOT NULL,
    cursor_value jsonb,
    context jsonb NOT NULL,
    plan jsonb,
    expected bigint,
    started_at timestamp with time zone NOT NULL,
    committed_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT batch_step_ended_check CHECK (((state = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT batch_step_exit_code_check CHECK (((char_length(exit_code) >= 1) AND (char_length(exit_code) <= 255))),
    CONSTRAINT batch_step_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 511))),
    CONSTRAINT batch_step_state_check CHECK ((state = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'stopped'::text, 'abandoned'::text]))),
    CONSTRAINT batch_step_visit_check CHECK ((visit >= 1))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE callboard.batch_step IS 'Executions of steps and partitions. The id is the fence: a chunk commits only while its row is running and its run is held under the same epoch.';

COMMENT ON COLUMN callboard.batch_step.first_id IS 'The first of the executions whose work this one goes on with; its own id: it began afresh.';

COMMENT ON COLUMN callboard.batch_step.cursor_value IS 'Of the last item of the last committed chunk.';

ALTER TABLE callboard.batch_step ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME callboard.batch_step_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.bookmark (
    job_id bigint NOT NULL,
    version bigint NOT NULL,
    run bigint NOT NULL,
    attempt bigint NOT NULL,
    run_id bigint,
    previous_run_id bigint,
    value jsonb NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT bookmark_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT bookmark_run_check CHECK ((run >= 0)),
    CONSTRAINT bookmark_version_check CHECK ((version >= 1))
);

COMMENT ON TABLE callboard.bookmark IS 'How far the runs of a job have got: the last versions, the newest of which holds. No reference to the job, for its lock would come behind those of runs: versions are written and a job is deleted under a lock of the bookmark''s own.';

COMMENT ON COLUMN callboard.bookmark.attempt IS 'Failed runs since the last reset.';

COMMENT ON COLUMN callboard.bookmark.run_id IS 'The successful run whose result the value is; null: it stands at the beginning.';

ALTER TABLE callboard.calendar ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.calendar_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.condition_set (
    trigger_id bigint NOT NULL,
    generation bigint NOT NULL,
    since_seq bigint NOT NULL,
    job_ids bigint[] NOT NULL,
    met jsonb NOT NULL,
    CONSTRAINT condition_set_since_seq_check CHECK ((since_seq >= 0))
)
WITH (fillfactor='80');

COMMENT ON TABLE callboard.condition_set IS 'What each conditional trigger watches, and has seen since its last slot.';

COMMENT ON COLUMN callboard.condition_set.generation IS 'Of the trigger; a set of another one means nothing.';

COMMENT ON COLUMN callboard.condition_set.since_seq IS 'Only events with greater numbers count: those after the activation, or the edit.';

COMMENT ON COLUMN callboard.condition_set.met IS 'Object: by the names of the jobs whose condition is met, the run that met it.';

CREATE TABLE callboard.deadline_check (
    trigger_id bigint NOT NULL,
    kind text NOT NULL,
    checked_until timestamp with time zone NOT NULL,
    CONSTRAINT deadline_check_kind_check CHECK ((kind = ANY (ARRAY['start'::text, 'finish'::text])))
)
WITH (fillfactor='50');

COMMENT ON COLUMN callboard.deadline_check.checked_until IS 'The slots up to this instant have been looked at, each when its time was over.';

CREATE TABLE callboard.ended_run (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    job text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint,
    trigger text COLLATE pg_catalog."C",
    slot timestamp with time zone,
    state text NOT NULL,
    attempt integer NOT NULL,
    previous_run_id bigint,
    chain_id bigint NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb,
    error jsonb,
    progress jsonb,
    node text,
    epoch bigint,
    crashes integer NOT NULL,
    unique_key text COLLATE pg_catalog."C",
    stop_mode text,
    stop_grace_s double precision,
    trace_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    terms jsonb,
    CONSTRAINT ended_run_state_check CHECK ((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'timed_out'::text, 'stopped'::text, 'abandoned'::text])))
)
PARTITION BY RANGE (id);

COMMENT ON TABLE callboard.ended_run IS 'The history of runs: appended to; only "abandoned" changes a row, only the pruner removes one. Partitions by id, made ahead by the pruner.';

CREATE TABLE callboard.ended_run_0 (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    job text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint,
    trigger text COLLATE pg_catalog."C",
    slot timestamp with time zone,
    state text NOT NULL,
    attempt integer NOT NULL,
    previous_run_id bigint,
    chain_id bigint NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb,
    error jsonb,
    progress jsonb,
    node text,
    epoch bigint,
    crashes integer NOT NULL,
    unique_key text COLLATE pg_catalog."C",
    stop_mode text,
    stop_grace_s double precision,
    trace_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    terms jsonb,
    CONSTRAINT ended_run_state_check CHECK ((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'timed_out'::text, 'stopped'::text, 'abandoned'::text])))
);

CREATE TABLE callboard.ended_run_rest (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    job text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint,
    trigger text COLLATE pg_catalog."C",
    slot timestamp with time zone,
    state text NOT NULL,
    attempt integer NOT NULL,
    previous_run_id bigint,
    chain_id bigint NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb,
    error jsonb,
    progress jsonb,
    node text,
    epoch bigint,
    crashes integer NOT NULL,
    unique_key text COLLATE pg_catalog."C",
    stop_mode text,
    stop_grace_s double precision,
    trace_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    terms jsonb,
    CONSTRAINT ended_run_state_check CHECK ((state = ANY (ARRAY['succeeded'::text, 'failed'::text, 'timed_out'::text, 'stopped'::text, 'abandoned'::text])))
);

COMMENT ON TABLE callboard.ended_run_rest IS 'Runs for whose ids there was no partition in time.';

CREATE TABLE callboard.event_batch (
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    records jsonb DEFAULT '[]'::jsonb NOT NULL,
    node text,
    ended bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    ended_states text[],
    queued bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    started bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    started_crashes integer[],
    CONSTRAINT event_batch_seq_check CHECK ((last_seq >= first_seq))
);
ALTER TABLE ONLY callboard.event_batch ALTER COLUMN ended SET STORAGE EXTERNAL;
ALTER TABLE ONLY callboard.event_batch ALTER COLUMN queued SET STORAGE EXTERNAL;
ALTER TABLE ONLY callboard.event_batch ALTER COLUMN started SET STORAGE EXTERNAL;
ALTER TABLE ONLY callboard.event_batch ALTER COLUMN started_crashes SET STORAGE EXTERNAL;

COMMENT ON COLUMN callboard.event_batch.records IS 'Array of [type, run id, patch]: the events behind those of ended, queued and started.';

COMMENT ON COLUMN callboard.event_batch.node IS 'Name of the node for which the runs of started were claimed.';

COMMENT ON COLUMN callboard.event_batch.ended IS 'Runs whose event says no more than their row in ended_run: the first numbers of the batch.';

COMMENT ON COLUMN callboard.event_batch.ended_states IS 'In which states they ended; null: all of them succeeded.';

COMMENT ON COLUMN callboard.event_batch.queued IS 'Runs that were created, and are queued: the numbers behind.';

COMMENT ON COLUMN callboard.event_batch.started IS 'Runs that were claimed at the instant of the batch: the numbers behind.';

COMMENT ON COLUMN callboard.event_batch.started_crashes IS 'How often a node had died under them; null: never.';

CREATE TABLE callboard.failing_job (
    job_id bigint NOT NULL,
    run_id bigint NOT NULL,
    since timestamp with time zone NOT NULL
);

COMMENT ON TABLE callboard.failing_job IS 'Jobs that webhooks watch and whose last chain did not succeed.';

CREATE TABLE callboard.follower (
    name text NOT NULL COLLATE pg_catalog."C",
    seq bigint,
    moved_at timestamp with time zone NOT NULL,
    CONSTRAINT follower_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT follower_seq_check CHECK ((seq >= 0))
);

COMMENT ON TABLE callboard.follower IS 'How far somebody has got who follows the events for the whole cluster: whoever has the row locked goes on from there, and moves it in the transaction in which the events have their effects.';

COMMENT ON COLUMN callboard.follower.seq IS 'Number of the last event that was dealt with; null: there is nothing to look for, and no event is kept for it.';

CREATE TABLE callboard.idempotency_key (
    key text NOT NULL COLLATE pg_catalog."C",
    digest text NOT NULL,
    status integer,
    answer bytea,
    run_ids bigint[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT idempotency_key_key_check CHECK ((octet_length(key) <= 2000))
);

COMMENT ON COLUMN callboard.idempotency_key.status IS 'HTTP status of the answer; null while it is being worked on.';

CREATE TABLE callboard.job (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL,
    spec jsonb NOT NULL,
    arguments jsonb NOT NULL,
    description text NOT NULL,
    disabled boolean NOT NULL,
    retry jsonb NOT NULL,
    timeout_s double precision,
    max_concurrent_runs integer,
    on_crash text NOT NULL,
    labels jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb NOT NULL,
    limited boolean GENERATED ALWAYS AS (((max_concurrent_runs IS NOT NULL) OR (rules ? 'concurrency'::text) OR (rules ? 'rate_limit'::text))) STORED NOT NULL,
    CONSTRAINT job_description_check CHECK ((char_length(description) <= 10000)),
    CONSTRAINT job_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT job_kind_check CHECK (((char_length(kind) >= 1) AND (char_length(kind) <= 255))),
    CONSTRAINT job_max_concurrent_runs_check CHECK ((max_concurrent_runs >= 1)),
    CONSTRAINT job_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT job_on_crash_check CHECK ((on_crash = ANY (ARRAY['retry'::text, 'fail'::text, 'park'::text]))),
    CONSTRAINT job_timeout_s_check CHECK ((timeout_s > (0)::double precision)),
    CONSTRAINT job_version_check CHECK ((version >= 1))
);

COMMENT ON COLUMN callboard.job.rules IS 'What it has beside the usual, and nothing else: fixed_arguments, parameters (JSON Schema), queue, priority, concurrency, rate_limit, queue_timeout_s, chain_timeout_s.';

COMMENT ON COLUMN callboard.job.limited IS 'Copied to the job''s live runs, so that claims can tell them apart without a join.';

ALTER TABLE callboard.job ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.job_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.ledger (
    trigger_id bigint NOT NULL,
    slot timestamp with time zone NOT NULL,
    generation bigint NOT NULL,
    until timestamp with time zone,
    slot_count bigint NOT NULL,
    decision text NOT NULL,
    reason text,
    decided_at timestamp with time zone NOT NULL,
    run_ids bigint[] NOT NULL,
    caused_by bigint[],
    events bigint,
    CONSTRAINT ledger_decision_check CHECK ((decision = ANY (ARRAY['fired'::text, 'skipped'::text]))),
    CONSTRAINT ledger_reasoned_check CHECK (((reason IS NULL) = (decision = 'fired'::text))),
    CONSTRAINT ledger_stretch_check CHECK ((((until IS NULL) AND (slot_count = 1)) OR ((until > slot) AND (slot_count > 1) AND (decision = 'skipped'::text))))
);

COMMENT ON TABLE callboard.ledger IS 'What became of each slot. The primary key is guarantee 1: a slot is decided once. Rows outlive their trigger.';

COMMENT ON COLUMN callboard.ledger.until IS 'Last slot of a stretch of skipped ones; null: a single slot.';

COMMENT ON COLUMN callboard.ledger.slot_count IS 'Slots in the stretch, both ends included.';

COMMENT ON COLUMN callboard.ledger.run_ids IS 'Runs that the slot started, in the order of the trigger''s actions.';

COMMENT ON COLUMN callboard.ledger.caused_by IS 'Runs whose ends met the conditions of a conditional trigger; null: of others.';

COMMENT ON COLUMN callboard.ledger.events IS 'How many the batch of an event trigger had; null: of others.';

CREATE TABLE callboard.live_run (
    id bigint NOT NULL,
    job_id bigint NOT NULL,
    job text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint,
    trigger text COLLATE pg_catalog."C",
    slot timestamp with time zone,
    state text NOT NULL,
    attempt integer NOT NULL,
    previous_run_id bigint,
    chain_id bigint NOT NULL,
    arguments jsonb NOT NULL,
    error jsonb,
    progress jsonb,
    node text,
    epoch bigint,
    crashes integer NOT NULL,
    unique_key text COLLATE pg_catalog."C",
    stop_mode text,
    stop_grace_s double precision,
    trace_id text NOT NULL,
    limited boolean NOT NULL,
    created_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    requeued boolean DEFAULT false NOT NULL,
    terms jsonb,
    queue text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    concurrency_key text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C",
    priority integer DEFAULT 0 NOT NULL,
    wait_until timestamp with time zone,
    completed jsonb,
    CONSTRAINT live_run_attempt_check CHECK ((attempt >= 1)),
    CONSTRAINT live_run_crashes_check CHECK ((crashes >= 0)),
    CONSTRAINT live_run_held_check CHECK (((state <> ALL (ARRAY['running'::text, 'stopping'::text, 'lost'::text])) OR ((epoch IS NOT NULL) AND (node IS NOT NULL) AND (started_at IS NOT NULL)))),
    CONSTRAINT live_run_id_check CHECK (((id >= 1) AND (id <= '9007199254740991'::bigint))),
    CONSTRAINT live_run_queued_check CHECK (((state <> 'queued'::text) OR (epoch IS NULL))),
    CONSTRAINT live_run_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'stopping'::text, 'lost'::text, 'parked'::text]))),
    CONSTRAINT live_run_stop_grace_s_check CHECK ((stop_grace_s >= (0)::double precision)),
    CONSTRAINT live_run_stop_mode_check CHECK ((stop_mode = ANY (ARRAY['cooperative'::text, 'kill'::text]))),
    CONSTRAINT live_run_trace_id_check CHECK ((char_length(trace_id) <= 64)),
    CONSTRAINT live_run_unique_key_check CHECK ((octet_length(unique_key) <= 2000))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_cost_delay='0', autovacuum_analyze_scale_factor='0.05');

COMMENT ON TABLE callboard.live_run IS 'Runs that have not ended: small, hot, and left in the statement that writes ended_run.';

COMMENT ON COLUMN callboard.live_run.chain_id IS 'First run of the chain of retries, its own id where it is the first.';

COMMENT ON COLUMN callboard.live_run.epoch IS 'The holder''s epoch: every write of a held run names it, so who lost the lease changes nothing.';

COMMENT ON COLUMN callboard.live_run.crashes IS 'How often a node died under it.';

COMMENT ON COLUMN callboard.live_run.limited IS 'The job''s max_concurrent_runs is set; follows job.limited.';

COMMENT ON COLUMN callboard.live_run.requeued IS 'A node held it before, and may have stored some of its log.';

COMMENT ON COLUMN callboard.live_run.terms IS 'Under which it was started, unless they are the usual ones: priority, queue, concurrency_key, start_by and chain_until (seconds since 1970), and the timeouts that make them anew. With terms it is limited.';

COMMENT ON COLUMN callboard.live_run.queue IS 'Of the terms, as are concurrency_key and priority, and written with them: with job_id they are the lane that the run waits in, within which the order of claims is that of due_at and id. Not generated columns: PostgreSQL 18 reads the expressions of those again for every row that is updated.';

COMMENT ON COLUMN callboard.live_run.wait_until IS 'The earlier one of the terms'' start_by and chain_until, written with them: from then on it is not claimed any more, it is to end as timed_out.';

COMMENT ON COLUMN callboard.live_run.completed IS 'Object with the "result": the run''s work was committed, in the same transaction as this. However it ends, it has succeeded.';

CREATE TABLE callboard.node (
    epoch bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    host text NOT NULL,
    pid bigint NOT NULL,
    version text NOT NULL,
    capacity integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    fires boolean DEFAULT true NOT NULL,
    executes boolean DEFAULT true NOT NULL,
    expired boolean DEFAULT false NOT NULL,
    vitals jsonb,
    CONSTRAINT node_capacity_check CHECK ((capacity >= 0)),
    CONSTRAINT node_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255)))
)
WITH (fillfactor='50');

COMMENT ON COLUMN callboard.node.epoch IS 'Unique for each start of a node. While its lease runs the epoch is live; after that it never is again.';

COMMENT ON COLUMN callboard.node.fires IS 'Whether it takes part in deciding slots.';

COMMENT ON COLUMN callboard.node.expired IS 'Its lease was over, and somebody took it away: it cannot be renewed, its name is free. The row stays until all of its runs are decided.';

COMMENT ON COLUMN callboard.node.vitals IS 'What it was doing when it last renewed its lease: memory, and the stacks of the handlers that run.';

CREATE SEQUENCE callboard.node_epoch
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE callboard.node_epoch OWNED BY callboard.node.epoch;

CREATE TABLE callboard.queue (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL,
    capacity integer,
    rate_runs integer,
    rate_per_s double precision,
    paused boolean NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT queue_capacity_check CHECK ((capacity >= 1)),
    CONSTRAINT queue_description_check CHECK ((char_length(description) <= 10000)),
    CONSTRAINT queue_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT queue_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT queue_rate_check CHECK (((rate_runs IS NULL) = (rate_per_s IS NULL))),
    CONSTRAINT queue_rate_per_s_check CHECK ((rate_per_s > (0)::double precision)),
    CONSTRAINT queue_rate_runs_check CHECK ((rate_runs >= 1)),
    CONSTRAINT queue_version_check CHECK ((version >= 1))
);

COMMENT ON TABLE callboard.queue IS 'What the runs of jobs that name it share. Whoever claims some of a limited one has locked its row.';

ALTER TABLE callboard.queue ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.queue_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.rate_window (
    name text NOT NULL COLLATE pg_catalog."C",
    marks jsonb NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT rate_window_name_check CHECK ((char_length(name) <= 255))
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='100');

COMMENT ON TABLE callboard.rate_window IS 'What happened lately of what is limited by "so many within a time": job:ID and queue:ID (starts), retry:ID (retries of a job).';

COMMENT ON COLUMN callboard.rate_window.marks IS 'Ascending pairs [microseconds since 1970, how many]; some 64 of them at the most.';

CREATE VIEW callboard.run AS
 SELECT live_run.id,
    live_run.job,
    live_run.group_name,
    live_run.job_id,
    live_run.trigger,
    live_run.trigger_id,
    live_run.slot,
    live_run.state,
    live_run.attempt,
    live_run.previous_run_id,
    live_run.chain_id,
    live_run.arguments,
    NULL::jsonb AS result,
    live_run.error,
    live_run.progress,
    live_run.node,
    live_run.epoch,
    live_run.crashes,
    live_run.unique_key,
    live_run.stop_mode,
    live_run.stop_grace_s,
    live_run.trace_id,
    live_run.created_at,
    live_run.due_at,
    live_run.started_at,
    NULL::timestamp with time zone AS ended_at,
    live_run.terms
   FROM callboard.live_run
UNION ALL
 SELECT ended_run.id,
    ended_run.job,
    ended_run.group_name,
    ended_run.job_id,
    ended_run.trigger,
    ended_run.trigger_id,
    ended_run.slot,
    ended_run.state,
    ended_run.attempt,
    ended_run.previous_run_id,
    ended_run.chain_id,
    ended_run.arguments,
    ended_run.result,
    ended_run.error,
    ended_run.progress,
    ended_run.node,
    ended_run.epoch,
    ended_run.crashes,
    ended_run.unique_key,
    ended_run.stop_mode,
    ended_run.stop_grace_s,
    ended_run.trace_id,
    ended_run.created_at,
    ended_run.due_at,
    ended_run.started_at,
    ended_run.ended_at,
    ended_run.terms
   FROM callboard.ended_run;

COMMENT ON VIEW callboard.run IS 'All runs, live and ended.';

CREATE SEQUENCE callboard.run_id_block
    START WITH 1
    INCREMENT BY 1000
    NO MINVALUE
    MAXVALUE 9007199254739000
    CACHE 1;

COMMENT ON SEQUENCE callboard.run_id_block IS 'First of 1000 consecutive run ids, handed to one node to give out.';

CREATE TABLE callboard.run_log (
    run_id bigint NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    lines jsonb NOT NULL,
    CONSTRAINT run_log_first_seq_check CHECK ((first_seq >= 1)),
    CONSTRAINT run_log_seq_check CHECK ((last_seq >= first_seq))
);

COMMENT ON COLUMN callboard.run_log.lines IS 'Array of [microseconds since 1970, stream, level, text]; the i-th line has the number first_seq + i.';

CREATE VIEW callboard.run_partition AS
 SELECT (part.relname)::text AS name,
    ("substring"(bound.text, 'FROM \(''([0-9]+)''\)'::text))::bigint AS from_id,
    ("substring"(bound.text, 'TO \(''([0-9]+)''\)'::text))::bigint AS until_id
   FROM ((pg_inherits tree
     JOIN pg_class part ON ((part.oid = tree.inhrelid)))
     CROSS JOIN LATERAL pg_get_expr(part.relpartbound, part.oid) bound(text))
  WHERE ((tree.inhparent = ('callboard.ended_run'::regclass)::oid) AND (bound.text <> 'DEFAULT'::text));

COMMENT ON VIEW callboard.run_partition IS 'The parts of the history that have a range of ids: from_id to until_id - 1; null: from the first id on.';

CREATE TABLE callboard.scheduler_lease (
    epoch bigint NOT NULL,
    firing_until timestamp with time zone NOT NULL,
    scheduling text NOT NULL,
    CONSTRAINT scheduler_lease_scheduling_check CHECK ((scheduling = ANY (ARRAY['shared'::text, 'leader'::text])))
)
WITH (fillfactor='50');

COMMENT ON TABLE callboard.scheduler_lease IS 'Nodes that decide slots, or stand by. Apart from the lease of their runs: each is renewed by the part of the node that needs it, and neither waits for the other.';

COMMENT ON COLUMN callboard.scheduler_lease.firing_until IS 'Behind this instant others may take its shards.';

COMMENT ON COLUMN callboard.scheduler_lease.scheduling IS 'How it was told to share the role; what the oldest of them was told holds for all.';

CREATE TABLE callboard.scheduler_shard (
    id integer NOT NULL,
    epoch bigint,
    fence bigint DEFAULT 0 NOT NULL,
    taken_at timestamp with time zone,
    CONSTRAINT scheduler_shard_id_check CHECK (((id >= 0) AND (id <= 63)))
)
WITH (fillfactor='50');

COMMENT ON TABLE callboard.scheduler_shard IS 'Who decides the slots of which triggers: a trigger belongs to the shard id % 64.';

COMMENT ON COLUMN callboard.scheduler_shard.epoch IS 'Of the node that has the shard, while its lease in scheduler_lease runs; null: nobody.';

COMMENT ON COLUMN callboard.scheduler_shard.fence IS 'Counts the owners.';

CREATE TABLE callboard.schema_migration (
    version integer NOT NULL,
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_migration_version_check CHECK ((version >= 1))
);

CREATE TABLE callboard.start_request (
    run_id bigint NOT NULL,
    job_id bigint NOT NULL,
    job text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    arguments jsonb NOT NULL,
    due_at timestamp with time zone,
    unique_key text COLLATE pg_catalog."C",
    priority integer,
    trace_id text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT start_request_run_id_check CHECK (((run_id >= 1) AND (run_id <= '9007199254740991'::bigint))),
    CONSTRAINT start_request_trace_id_check CHECK ((char_length(trace_id) <= 64)),
    CONSTRAINT start_request_unique_key_check CHECK ((octet_length(unique_key) <= 2000))
)
WITH (autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE callboard.start_request IS 'Runs that callers start in transactions of their own: rows of others'' transactions, seen when those are committed, and then made into runs. Numbering their events at once would make everybody wait for such a transaction.';

CREATE TABLE callboard.stream_head (
    seq bigint NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT stream_head_only_row_check CHECK (only_row),
    CONSTRAINT stream_head_seq_check CHECK ((seq >= 0))
)
WITH (fillfactor='10', autovacuum_vacuum_threshold='100', autovacuum_vacuum_scale_factor='0');

COMMENT ON TABLE callboard.stream_head IS 'Locked, as a table, by whoever numbers events: so commits follow each other in the order of the numbers. Its row is never updated.';

COMMENT ON COLUMN callboard.stream_head.seq IS 'The number before that of the first batch, which is never removed while it is the only one.';

CREATE TABLE callboard.trigger (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    schedule jsonb NOT NULL,
    actions jsonb NOT NULL,
    description text NOT NULL,
    misfire jsonb NOT NULL,
    overlap jsonb NOT NULL,
    start_at timestamp with time zone,
    end_at timestamp with time zone,
    max_firings bigint,
    jitter_s double precision NOT NULL,
    state text NOT NULL,
    reason text,
    next_slot timestamp with time zone,
    last_slot timestamp with time zone,
    firings bigint NOT NULL,
    generation bigint NOT NULL,
    anchor_at timestamp with time zone,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    calendars jsonb DEFAULT '[]'::jsonb NOT NULL,
    flexible_window_s double precision DEFAULT 0 NOT NULL,
    resume_at timestamp with time zone,
    wake_at timestamp with time zone GENERATED ALWAYS AS (
CASE state
    WHEN 'active'::text THEN next_slot
    WHEN 'paused'::text THEN resume_at
    ELSE NULL::timestamp with time zone
END) STORED,
    is_sequenced boolean GENERATED ALWAYS AS (COALESCE((((schedule ->> 'kind'::text) = 'delay'::text) OR ((overlap ->> 'policy'::text) = ANY (ARRAY['buffer_one'::text, 'buffer'::text, 'cancel_old'::text, 'kill_old'::text]))), false)) STORED NOT NULL,
    deadlines jsonb,
    rules jsonb,
    workflow text COLLATE pg_catalog."C",
    gathered jsonb,
    CONSTRAINT trigger_description_check CHECK ((char_length(description) <= 10000)),
    CONSTRAINT trigger_firings_check CHECK ((firings >= 0)),
    CONSTRAINT trigger_flexible_window_s_check CHECK ((flexible_window_s >= (0)::double precision)),
    CONSTRAINT trigger_generation_check CHECK ((generation >= 1)),
    CONSTRAINT trigger_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT trigger_jitter_s_check CHECK ((jitter_s >= (0)::double precision)),
    CONSTRAINT trigger_max_firings_check CHECK ((max_firings >= 1)),
    CONSTRAINT trigger_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT trigger_state_check CHECK ((state = ANY (ARRAY['inactive'::text, 'active'::text, 'paused'::text, 'completed'::text, 'parked'::text]))),
    CONSTRAINT trigger_version_check CHECK ((version >= 1)),
    CONSTRAINT trigger_window_check CHECK ((end_at > start_at)),
    CONSTRAINT trigger_workflow_check CHECK (((char_length(workflow) >= 1) AND (char_length(workflow) <= 255)))
)
WITH (fillfactor='80');

COMMENT ON COLUMN callboard.trigger.reason IS 'Why it is parked.';

COMMENT ON COLUMN callboard.trigger.next_slot IS 'The next slot to decide; null: nothing is to come.';

COMMENT ON COLUMN callboard.trigger.last_slot IS 'The last slot that was decided.';

COMMENT ON COLUMN callboard.trigger.generation IS 'Counts changes of the timing; part of every slot''s identity.';

COMMENT ON COLUMN callboard.trigger.anchor_at IS 'Activation of this generation: where intervals without an anchor of their own count from.';

COMMENT ON COLUMN callboard.trigger.resume_at IS 'End of a timed pause; null: it is not paused, or until somebody resumes it.';

COMMENT ON COLUMN callboard.trigger.wake_at IS 'When the scheduler has to look at it next: the next slot, or the end of a timed pause.';

COMMENT ON COLUMN callboard.trigger.is_sequenced IS 'The end of its runs means something to it: a delay begins, or a held run is released.';

COMMENT ON COLUMN callboard.trigger.deadlines IS 'Seconds after a slot within which its runs have to start and to finish: start_within_s, finish_within_s; null: they need not.';

COMMENT ON COLUMN callboard.trigger.rules IS 'What it has beside the usual, and nothing else: labels, annotations, on_missing; null: nothing.';

COMMENT ON COLUMN callboard.trigger.workflow IS 'Name of the workflow of its group that it belongs to; null: it stands alone.';

COMMENT ON COLUMN callboard.trigger.gathered IS 'Events that an event trigger was told since its last slot, and the slot they make; null: none.';

ALTER TABLE callboard.trigger ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.trigger_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.trigger_job (
    group_name text NOT NULL COLLATE pg_catalog."C",
    job text NOT NULL COLLATE pg_catalog."C",
    trigger_id bigint NOT NULL
);

COMMENT ON TABLE callboard.trigger_job IS 'Which triggers have an action on which job: an index over trigger.actions that an advancing trigger need not touch.';

CREATE TABLE callboard.webhook (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    definition jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT webhook_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT webhook_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT webhook_version_check CHECK ((version >= 1))
);

COMMENT ON COLUMN callboard.webhook.definition IS 'Object: url, events, job, trigger, secret (a reference), description, disabled.';

CREATE TABLE callboard.webhook_delivery (
    id bigint NOT NULL,
    webhook_id bigint NOT NULL,
    event text NOT NULL,
    subject text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL,
    attempts integer NOT NULL,
    due_at timestamp with time zone NOT NULL,
    status integer,
    error text,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT webhook_delivery_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT webhook_delivery_ended_check CHECK (((ended_at IS NULL) = (state = 'queued'::text))),
    CONSTRAINT webhook_delivery_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'delivered'::text, 'failed'::text]))),
    CONSTRAINT webhook_delivery_subject_check CHECK ((char_length(subject) <= 1000))
)
WITH (autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

COMMENT ON COLUMN callboard.webhook_delivery.subject IS 'What the message is about: of each there is one.';

ALTER TABLE callboard.webhook_delivery ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.webhook_delivery_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE callboard.webhook ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.webhook_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.workflow (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    definition jsonb NOT NULL,
    version bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT workflow_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT workflow_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 255))),
    CONSTRAINT workflow_version_check CHECK ((version >= 1))
);

COMMENT ON TABLE callboard.workflow IS 'What its triggers, which name it, are the content of. Whoever begins a run of it, or gives it a trigger, has locked its row.';

COMMENT ON COLUMN callboard.workflow.definition IS 'Object: description, properties, max_concurrent_runs, run_arguments, labels, annotations.';

ALTER TABLE callboard.workflow ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME callboard.workflow_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE callboard.workflow_run (
    id bigint NOT NULL,
    group_name text NOT NULL COLLATE pg_catalog."C",
    workflow text NOT NULL COLLATE pg_catalog."C",
    workflow_id bigint NOT NULL,
    state text NOT NULL,
    trigger text,
    previous_run_id bigint,
    properties jsonb NOT NULL,
    definition jsonb NOT NULL,
    progress jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT workflow_run_ended_check CHECK (((ended_at IS NULL) = (state = ANY (ARRAY['running'::text, 'stopping'::text])))),
    CONSTRAINT workflow_run_group_name_check CHECK (((char_length(group_name) >= 1) AND (char_length(group_name) <= 255))),
    CONSTRAINT workflow_run_state_check CHECK ((state = ANY (ARRAY['running'::text, 'stopping'::text, 'completed'::text, 'stopped'::text]))),
    CONSTRAINT workflow_run_workflow_check CHECK (((char_length(workflow) >= 1) AND (char_length(workflow) <= 255)))
)
WITH (fillfactor='80', autovacuum_vacuum_scale_factor='0.05', autovacuum_vacuum_threshold='1000');

COMMENT ON TABLE callboard.workflow_run IS 'Passages through workflows, also of those that are gone. Whoever creates or ends a run that is a part of one has locked its row.';

COMMENT ON COLUMN callboard.workflow_run.workflow_id IS 'Of the workflow, which may be gone: therefore no reference.';

COMMENT ON COLUMN callboard.workflow_run.trigger IS 'Its start trigger; null: there was none.';

COMMENT ON COLUMN callboard.workflow_run.definition IS 'Object, as it was when it began, never changed: triggers (a snapshot), run_arguments, event (of the batch that began it).';

COMMENT ON COLUMN callboard.workflow_run.progress IS 'Object: fired (by trigger, the runs that it started), met (by trigger and job, the run that met the condition), runs (by job), live (those of them that have not ended), missing (jobs that could not be started).';

ALTER TABLE callboard.workflow_run ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME callboard.workflow_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY callboard.ended_run ATTACH PARTITION callboard.ended_run_0 FOR VALUES FROM (MINVALUE) TO ('10000001');

ALTER TABLE ONLY callboard.ended_run ATTACH PARTITION callboard.ended_run_rest DEFAULT;

ALTER TABLE ONLY callboard.node ALTER COLUMN epoch SET DEFAULT nextval('callboard.node_epoch'::regclass);

ALTER TABLE ONLY callboard.backfill
    ADD CONSTRAINT backfill_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.backfilled_slot
    ADD CONSTRAINT backfilled_slot_pkey PRIMARY KEY (trigger_id, slot, backfill_id);

ALTER TABLE ONLY callboard.batch_instance
    ADD CONSTRAINT batch_instance_identity_key UNIQUE (group_name, job, key);

ALTER TABLE ONLY callboard.batch_instance
    ADD CONSTRAINT batch_instance_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.batch_move
    ADD CONSTRAINT batch_move_pkey PRIMARY KEY (instance_id, node, visit);

ALTER TABLE ONLY callboard.batch_origin
    ADD CONSTRAINT batch_origin_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY callboard.batch_run
    ADD CONSTRAINT batch_run_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY callboard.batch_skip
    ADD CONSTRAINT batch_skip_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.batch_step
    ADD CONSTRAINT batch_step_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.bookmark
    ADD CONSTRAINT bookmark_pkey PRIMARY KEY (job_id, version);

ALTER TABLE ONLY callboard.calendar
    ADD CONSTRAINT calendar_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.calendar
    ADD CONSTRAINT calendar_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.condition_set
    ADD CONSTRAINT condition_set_pkey PRIMARY KEY (trigger_id);

ALTER TABLE ONLY callboard.deadline_check
    ADD CONSTRAINT deadline_check_pkey PRIMARY KEY (trigger_id, kind);

ALTER TABLE ONLY callboard.ended_run
    ADD CONSTRAINT ended_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.ended_run_0
    ADD CONSTRAINT ended_run_0_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.ended_run_rest
    ADD CONSTRAINT ended_run_rest_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.event_batch
    ADD CONSTRAINT event_batch_pkey PRIMARY KEY (first_seq);

ALTER TABLE ONLY callboard.failing_job
    ADD CONSTRAINT failing_job_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY callboard.follower
    ADD CONSTRAINT follower_pkey PRIMARY KEY (name);

ALTER TABLE ONLY callboard.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (key);

ALTER TABLE ONLY callboard.job
    ADD CONSTRAINT job_limited_key UNIQUE (limited, id);

COMMENT ON CONSTRAINT job_limited_key ON callboard.job IS 'Makes "limited" a key column: an update of it waits for everybody who holds the job FOR KEY SHARE, which is what insert_runs does before it copies the value.';

ALTER TABLE ONLY callboard.job
    ADD CONSTRAINT job_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (trigger_id, slot, generation);

ALTER TABLE callboard.ledger
    ADD CONSTRAINT ledger_reason_check CHECK ((reason = ANY (ARRAY['paused'::text, 'misfire'::text, 'overlap'::text, 'calendar'::text, 'dst_gap'::text, 'limit'::text, 'disabled'::text, 'no_job'::text, 'coalesced'::text, 'capped'::text]))) NOT VALID;

COMMENT ON CONSTRAINT ledger_reason_check ON callboard.ledger IS 'Not validated: the rows that were there before it kept to fewer reasons.';

ALTER TABLE ONLY callboard.live_run
    ADD CONSTRAINT live_run_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY callboard.queue
    ADD CONSTRAINT queue_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.rate_window
    ADD CONSTRAINT rate_window_pkey PRIMARY KEY (name);

ALTER TABLE ONLY callboard.run_log
    ADD CONSTRAINT run_log_pkey PRIMARY KEY (run_id, first_seq);

ALTER TABLE ONLY callboard.scheduler_lease
    ADD CONSTRAINT scheduler_lease_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY callboard.scheduler_shard
    ADD CONSTRAINT scheduler_shard_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY callboard.start_request
    ADD CONSTRAINT start_request_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY callboard.stream_head
    ADD CONSTRAINT stream_head_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY callboard.trigger_calendar
    ADD CONSTRAINT trigger_calendar_pkey PRIMARY KEY (group_name, calendar, trigger_id);

ALTER TABLE ONLY callboard.trigger_job
    ADD CONSTRAINT trigger_job_pkey PRIMARY KEY (group_name, job, trigger_id);

ALTER TABLE ONLY callboard.trigger
    ADD CONSTRAINT trigger_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.trigger
    ADD CONSTRAINT trigger_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.webhook_delivery
    ADD CONSTRAINT webhook_delivery_once_key UNIQUE (webhook_id, subject, event);

ALTER TABLE ONLY callboard.webhook_delivery
    ADD CONSTRAINT webhook_delivery_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.webhook
    ADD CONSTRAINT webhook_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.workflow
    ADD CONSTRAINT workflow_name_key UNIQUE (group_name, name);

ALTER TABLE ONLY callboard.workflow
    ADD CONSTRAINT workflow_pkey PRIMARY KEY (id);

ALTER TABLE ONLY callboard.workflow_run
    ADD CONSTRAINT workflow_run_pkey PRIMARY KEY (id);

CREATE INDEX backfill_group_idx ON callboard.backfill USING btree (group_name, id);

CREATE INDEX backfill_open_idx ON callboard.backfill USING btree (id) WHERE (ended_at IS NULL);

CREATE INDEX backfill_trigger_idx ON callboard.backfill USING btree (trigger_id, id);

CREATE INDEX backfilled_slot_open_idx ON callboard.backfilled_slot USING btree (backfill_id, slot) WHERE (ended_at IS NULL);

CREATE INDEX batch_instance_closed_idx ON callboard.batch_instance USING btree (ended_at) WHERE ((state = ANY (ARRAY['succeeded'::text, 'abandoned'::text])) AND (pruned_at IS NULL));

CREATE INDEX batch_instance_job_idx ON callboard.batch_instance USING btree (group_name, job, id);

CREATE INDEX batch_run_instance_idx ON callboard.batch_run USING btree (instance_id, run_id);

CREATE INDEX batch_skip_run_idx ON callboard.batch_skip USING btree (run_id, id);

CREATE INDEX batch_skip_step_idx ON callboard.batch_skip USING btree (step_id, id);

CREATE INDEX batch_step_name_idx ON callboard.batch_step USING btree (instance_id, name, id);

CREATE INDEX batch_step_plain_idx ON callboard.batch_step USING btree (instance_id, id) WHERE (manager_id IS NULL);

CREATE INDEX batch_step_run_idx ON callboard.batch_step USING btree (run_id, id);

CREATE UNIQUE INDEX batch_step_running_key ON callboard.batch_step USING btree (instance_id, name, visit) WHERE (state = 'running'::text);

CREATE INDEX bookmark_run_idx ON callboard.bookmark USING btree (job_id, run_id, version) WHERE (run_id IS NOT NULL);

CREATE INDEX ended_run_chain_idx ON ONLY callboard.ended_run USING btree (chain_id, id) WHERE (previous_run_id IS NOT NULL);

CREATE INDEX ended_run_0_chain_id_id_idx ON callboard.ended_run_0 USING btree (chain_id, id) WHERE (previous_run_id IS NOT NULL);

CREATE INDEX ended_run_ended_idx ON ONLY callboard.ended_run USING brin (ended_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX ended_run_0_ended_at_idx ON callboard.ended_run_0 USING brin (ended_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX ended_run_group_idx ON ONLY callboard.ended_run USING btree (group_name, id);

CREATE INDEX ended_run_0_group_name_id_idx ON callboard.ended_run_0 USING btree (group_name, id);

CREATE INDEX ended_run_unsuccessful_idx ON ONLY callboard.ended_run USING btree (id) WHERE (state <> 'succeeded'::text);

CREATE INDEX ended_run_0_id_idx ON callboard.ended_run_0 USING btree (id) WHERE (state <> 'succeeded'::text);

CREATE INDEX ended_run_job_idx ON ONLY callboard.ended_run USING btree (job, id);

CREATE INDEX ended_run_0_job_id_idx ON callboard.ended_run_0 USING btree (job, id);

CREATE INDEX ended_run_trigger_idx ON ONLY callboard.ended_run USING btree (trigger, id) WHERE (trigger IS NOT NULL);

CREATE INDEX ended_run_0_trigger_id_idx ON callboard.ended_run_0 USING btree (trigger, id) WHERE (trigger IS NOT NULL);

CREATE INDEX ended_run_rest_chain_id_id_idx ON callboard.ended_run_rest USING btree (chain_id, id) WHERE (previous_run_id IS NOT NULL);

CREATE INDEX ended_run_rest_ended_at_idx ON callboard.ended_run_rest USING brin (ended_at) WITH (pages_per_range='32', autosummarize='on');

CREATE INDEX ended_run_rest_group_name_id_idx ON callboard.ended_run_rest USING btree (group_name, id);

CREATE INDEX ended_run_rest_id_idx ON callboard.ended_run_rest USING btree (id) WHERE (state <> 'succeeded'::text);

CREATE INDEX ended_run_rest_job_id_idx ON callboard.ended_run_rest USING btree (job, id);

CREATE INDEX ended_run_rest_trigger_id_idx ON callboard.ended_run_rest USING btree (trigger, id) WHERE (trigger IS NOT NULL);

CREATE INDEX idempotency_key_created_idx ON callboard.idempotency_key USING btree (created_at);

CREATE INDEX job_queue_idx ON callboard.job USING btree (group_name, ((rules ->> 'queue'::text)), name) WHERE (rules ? 'queue'::text);

COMMENT ON INDEX callboard.job_queue_idx IS 'Jobs that name a queue, for whoever wants to delete it.';

CREATE INDEX ledger_slot_idx ON callboard.ledger USING btree (slot);

CREATE INDEX ledger_stretch_idx ON callboard.ledger USING btree (trigger_id, until) WHERE (until IS NOT NULL);

CREATE INDEX live_run_begun_idx ON callboard.live_run USING btree (epoch, id) WHERE (state <> 'queued'::text);

CREATE INDEX live_run_chain_idx ON callboard.live_run USING btree (chain_id, id) WHERE (previous_run_id IS NOT NULL);

CREATE INDEX live_run_firing_idx ON callboard.live_run USING btree (trigger_id, id) WHERE (trigger_id IS NOT NULL);

COMMENT ON INDEX callboard.live_run_firing_idx IS 'The live firings of a trigger, for its overlap policy.';

CREATE INDEX live_run_free_idx ON callboard.live_run USING btree (due_at, id) WHERE ((state = 'queued'::text) AND (NOT limited));

CREATE INDEX live_run_job_idx ON callboard.live_run USING btree (job_id, id) WHERE ((state = 'queued'::text) AND (id > 0));

COMMENT ON INDEX callboard.live_run_job_idx IS 'Queued runs of a job, for lists of them. A statement has to say "id > 0" to use it.';

CREATE INDEX live_run_lane_idx ON callboard.live_run USING btree (job_id, queue, concurrency_key, priority, due_at, id) WHERE ((state = 'queued'::text) AND limited);

CREATE INDEX live_run_limited_due_idx ON callboard.live_run USING btree (due_at) WHERE ((state = 'queued'::text) AND limited AND (id > 0));

COMMENT ON INDEX callboard.live_run_limited_due_idx IS 'Whether runs of jobs with a limit are due. A statement has to say "id > 0" to use it.';

CREATE INDEX live_run_overdue_idx ON callboard.live_run USING btree (wait_until) WHERE ((wait_until IS NOT NULL) AND (state = 'queued'::text));

COMMENT ON INDEX callboard.live_run_overdue_idx IS 'Which runs have waited for too long.';

CREATE INDEX live_run_queue_idx ON callboard.live_run USING btree (group_name, queue) WHERE ((state = 'queued'::text) AND limited AND (queue > ''::text));

COMMENT ON INDEX callboard.live_run_queue_idx IS 'Counts what waits in a queue, for whoever looks at it.';

CREATE INDEX live_run_queue_slot_idx ON callboard.live_run USING btree (group_name, queue) WHERE ((state = ANY (ARRAY['running'::text, 'stopping'::text])) AND limited AND (queue > ''::text));

COMMENT ON INDEX callboard.live_run_queue_slot_idx IS 'Counts what a queue has on nodes.';

CREATE INDEX live_run_slot_idx ON callboard.live_run USING btree (job_id, concurrency_key) WHERE ((state = ANY (ARRAY['running'::text, 'stopping'::text])) AND limited);

COMMENT ON INDEX callboard.live_run_slot_idx IS 'Counts what a job, or a key of it, has on nodes.';

CREATE INDEX live_run_stopping_idx ON callboard.live_run USING btree (epoch, id) WHERE (state = 'stopping'::text);

CREATE INDEX live_run_trigger_idx ON callboard.live_run USING btree (trigger, id) WHERE ((state = 'queued'::text) AND (trigger IS NOT NULL));

CREATE UNIQUE INDEX live_run_unique_idx ON callboard.live_run USING btree (job_id, unique_key) WHERE (unique_key IS NOT NULL);

CREATE UNIQUE INDEX node_name_key ON callboard.node USING btree (name) WHERE (NOT expired);

CREATE INDEX trigger_calendar_trigger_idx ON callboard.trigger_calendar USING btree (trigger_id);

CREATE INDEX trigger_conditional_idx ON callboard.trigger USING btree (group_name, name) WHERE ((schedule ->> 'kind'::text) = 'conditional'::text);

COMMENT ON INDEX callboard.trigger_conditional_idx IS 'Who watches a job, for whoever wants to delete it.';

CREATE INDEX trigger_deadlines_idx ON callboard.trigger USING btree (id) WHERE (deadlines IS NOT NULL);

CREATE INDEX trigger_delay_idx ON callboard.trigger USING btree (id) WHERE ((state = 'active'::text) AND (next_slot IS NULL) AND ((schedule ->> 'kind'::text) = 'delay'::text));

COMMENT ON INDEX callboard.trigger_delay_idx IS 'Delays that begin when the last live run ends: few, and looked at should that end be missed.';

CREATE INDEX trigger_job_trigger_idx ON callboard.trigger_job USING btree (trigger_id);

CREATE INDEX trigger_start_idx ON callboard.trigger USING btree (id) WHERE ((state = ANY (ARRAY['active'::text, 'paused'::text])) AND (lower(btrim((schedule ->> 'expression'::text), ' 	'::text)) = '@reboot'::text));

CREATE INDEX trigger_wake_idx ON callboard.trigger USING btree (wake_at, id) WHERE (wake_at IS NOT NULL);

CREATE INDEX trigger_workflow_idx ON callboard.trigger USING btree (group_name, workflow, name) WHERE (workflow IS NOT NULL);

CREATE INDEX webhook_delivery_due_idx ON callboard.webhook_delivery USING btree (due_at) WHERE (state = 'queued'::text);

CREATE INDEX webhook_delivery_ended_idx ON callboard.webhook_delivery USING btree (ended_at) WHERE (state <> 'queued'::text);

CREATE INDEX webhook_delivery_log_idx ON callboard.webhook_delivery USING btree (webhook_id, id);

CREATE INDEX workflow_run_ended_idx ON callboard.workflow_run USING btree (ended_at) WHERE (ended_at IS NOT NULL);

CREATE INDEX workflow_run_group_idx ON callboard.workflow_run USING btree (group_name, id);

CREATE INDEX workflow_run_live_idx ON callboard.workflow_run USING btree (workflow_id) WHERE (ended_at IS NULL);

COMMENT ON INDEX callboard.workflow_run_live_idx IS 'Counts the live runs of a workflow.';

CREATE INDEX workflow_run_workflow_idx ON callboard.workflow_run USING btree (group_name, workflow, id);

ALTER INDEX callboard.ended_run_chain_idx ATTACH PARTITION callboard.ended_run_0_chain_id_id_idx;

ALTER INDEX callboard.ended_run_ended_idx ATTACH PARTITION callboard.ended_run_0_ended_at_idx;

ALTER INDEX callboard.ended_run_group_idx ATTACH PARTITION callboard.ended_run_0_group_name_id_idx;

ALTER INDEX callboard.ended_run_unsuccessful_idx ATTACH PARTITION callboard.ended_run_0_id_idx;

ALTER INDEX callboard.ended_run_job_idx ATTACH PARTITION callboard.ended_run_0_job_id_idx;

ALTER INDEX callboard.ended_run_pkey ATTACH PARTITION callboard.ended_run_0_pkey;

ALTER INDEX callboard.ended_run_trigger_idx ATTACH PARTITION callboard.ended_run_0_trigger_id_idx;

ALTER INDEX callboard.ended_run_chain_idx ATTACH PARTITION callboard.ended_run_rest_chain_id_id_idx;

ALTER INDEX callboard.ended_run_ended_idx ATTACH PARTITION callboard.ended_run_rest_ended_at_idx;

ALTER INDEX callboard.ended_run_group_idx ATTACH PARTITION callboard.ended_run_rest_group_name_id_idx;

ALTER INDEX callboard.ended_run_unsuccessful_idx ATTACH PARTITION callboard.ended_run_rest_id_idx;

ALTER INDEX callboard.ended_run_job_idx ATTACH PARTITION callboard.ended_run_rest_job_id_idx;

ALTER INDEX callboard.ended_run_pkey ATTACH PARTITION callboard.ended_run_rest_pkey;

ALTER INDEX callboard.ended_run_trigger_idx ATTACH PARTITION callboard.ended_run_rest_trigger_id_idx;

ALTER TABLE ONLY callboard.batch_move
    ADD CONSTRAINT batch_move_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES callboard.batch_instance(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.batch_run
    ADD CONSTRAINT batch_run_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES callboard.batch_instance(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.batch_skip
    ADD CONSTRAINT batch_skip_step_id_fkey FOREIGN KEY (step_id) REFERENCES callboard.batch_step(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.batch_step
    ADD CONSTRAINT batch_step_instance_id_fkey FOREIGN KEY (instance_id) REFERENCES callboard.batch_instance(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.condition_set
    ADD CONSTRAINT condition_set_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES callboard.trigger(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.deadline_check
    ADD CONSTRAINT deadline_check_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES callboard.trigger(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.trigger_calendar
    ADD CONSTRAINT trigger_calendar_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES callboard.trigger(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.trigger_job
    ADD CONSTRAINT trigger_job_trigger_id_fkey FOREIGN KEY (trigger_id) REFERENCES callboard.trigger(id) ON DELETE CASCADE;

ALTER TABLE ONLY callboard.webhook_delivery
    ADD CONSTRAINT webhook_delivery_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES callboard.webhook(id) ON DELETE CASCADE;
