"""Starts of batch runs: each makes an instance, and its first run, in one transaction.

The instances are made before the runs, in one order over all starts that share a commit: of two
nodes that start the same at once, the second one waits for the first, and is refused with the ids
of what that one made. An instance that no run came of is gone again with the same commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from callboard.changes.batch_ends import settle_instances
from callboard.changes.work import Work
from callboard.commands import StartRuns
from callboard.domain.batch_arguments import Parameters, canonical
from callboard.domain.batch_definition import definition_of_spec
from callboard.domain.batch_identity import identity_key
from callboard.domain.batch_instance import BatchInstance, BatchRun
from callboard.domain.batch_parameter import rules_from_spec
from callboard.domain.batch_refusal import start_refusal
from callboard.domain.given_terms import NO_TERMS
from callboard.domain.job import Job
from callboard.domain.run import NewRun, Run
from callboard.errors import Conflict, FieldProblem, InvalidInput

Jobs: TypeAlias = Mapping[tuple[str, str], Job]
Identity: TypeAlias = tuple[str, str, str]
"""Group, job and key."""
Place: TypeAlias = tuple[int, int]
"""Of a run: the number of its command, and its own in that."""
UniqueKey: TypeAlias = tuple[int, str]
"""Job id and unique_key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a batch run is to begin with."""

    job: Job
    parameters: Parameters
    key: str

    @property
    def identity(self) -> Identity:
        return self.job.group, self.job.name, self.key


@dataclass(slots=True, kw_only=True)
class Reservations:
    """The instances of the starts of one commit: a start takes those of its runs, or none."""

    wishes: dict[Place, _Wish] = field(default_factory=dict)
    problems: dict[int, InvalidInput] = field(default_factory=dict)
    """By command."""
    present: dict[Identity, BatchInstance] = field(default_factory=dict)
    live: dict[int, Run] = field(default_factory=dict)
    """The live runs of those that were there, by their ids."""
    fresh: set[Identity] = field(default_factory=set)
    """Made just now, and nobody's yet."""
    unique_keys: set[UniqueKey] = field(default_factory=set)
    """Of runs that are live, or will be: their starts are answered with those."""

    def refusal(self, place: int, command: StartRuns) -> InvalidInput | Conflict | None:
        """Why the runs of the command cannot have their instances; None: they can."""
        if not self.wishes and not self.problems:
            return None
        if place in self.problems:
            return self.problems[place]
        own: dict[Identity, int] = {}
        repeats: list[FieldProblem] = []
        for index, new in enumerate(command.runs):
            wish = self._wish((place, index), new)
            if wish is None:
                continue
            if wish.identity not in self.fresh:
                instance = self.present[wish.identity]
                return start_refusal(instance, self.live.get(instance.live_run_id or 0))
            if (first := own.setdefault(wish.identity, index)) != index:
                reason = f"has the job and the identifying parameters of runs[{first}]"
                repeats.append(FieldProblem(f"runs[{index}]", reason, "leave one of them out"))
        return InvalidInput(*repeats) if repeats else None

    def take(self, work: Work, place: int, command: StartRuns) -> StartRuns:
        """The command with its runs as runs of their instances, which are its own from now on."""
        if not self.wishes:
            return command
        runs = [self._taken(work, (place, index), new) for index, new in enumerate(command.runs)]
        return replace(command, runs=tuple(runs))

    async def drop_rest(self, work: Work) -> None:
        """Forget the instances that nobody took."""
        for identity in sorted(self.fresh):
            await work.tx.delete_instance(self.present[identity].id)
        self.fresh.clear()

    def _wish(self, place: Place, new: NewRun) -> _Wish | None:
        wish = self.wishes.get(place)
        if wish is not None and new.unique_key is not None:
            return None if (wish.job.id, new.unique_key) in self.unique_keys else wish
        return wish

    def _taken(self, work: Work, place: Place, new: NewRun) -> NewRun:
        wish = self._wish(place, new)
        if wish is None:
            return new
        instance = self.present[wish.identity]
        self.fresh.discard(wish.identity)
        if new.unique_key is not None:
            self.unique_keys.add((wish.job.id, new.unique_key))
        work.drafts[instance.id] = BatchRun(
            run_id=instance.last_run_id,
            instance_id=instance.id,
            arguments=wish.parameters.values,
            references=wish.parameters.references,
            definition=definition_of_spec(wish.job.spec),
        )
        terms = replace(new.terms or NO_TERMS, instance_id=instance.id)
        return replace(new, arguments=wish.parameters.values, terms=terms)


async def reserve_instances(
    work: Work, commands: Mapping[int, StartRuns], jobs: Jobs
) -> Reservations:
    """The instances that the runs of the commands want; commands by their places."""
    if not any(job.kind == "batch" for job in jobs.values()):
        return Reservations()
    await settle_instances(work)
    made = Reservations()
    for place, command in commands.items():
        _read_wishes(made, place, command, jobs)
    made.unique_keys = await _live_keys(work, made, commands)
    await _make(work, made, commands)
    return made


def _read_wishes(made: Reservations, place: int, command: StartRuns, jobs: Jobs) -> None:
    problems: list[FieldProblem] = []
    wishes: dict[Place, _Wish] = {}
    for index, new in enumerate(command.runs):
        job = jobs[new.group, new.job]
        if job.kind != "batch" or new.trigger_id is not None:
            continue  # what a trigger does not give is filled in when the run begins
        try:
            parameters = canonical(
                rules_from_spec(job.spec),
                job.arguments_with(new.arguments),
                prefix=f"runs[{index}].arguments",
            )
        except InvalidInput as error:
            problems += error.problems
            continue
        key = identity_key(parameters)
        wishes[place, index] = _Wish(job=job, parameters=parameters, key=key)
    if problems:
        made.problems[place] = InvalidInput(*problems)
    else:
        made.wishes |= wishes


async def _live_keys(
    work: Work, made: Reservations, commands: Mapping[int, StartRuns]
) -> set[UniqueKey]:
    keys = [
        (wish.job.id, key)
        for (place, index), wish in made.wishes.items()
        if (key := commands[place].runs[index].unique_key) is not None
    ]
    return set(await work.tx.live_runs_by_key(keys)) if keys else set()


async def _make(work: Work, made: Reservations, commands: Mapping[int, StartRuns]) -> None:
    wanted: dict[Identity, _Wish] = {}
    for (place, index), wish in made.wishes.items():
        if made._wish((place, index), commands[place].runs[index]) is not None:
            wanted.setdefault(wish.identity, wish)
    ids = await work.tx.allocate_run_ids(len(wanted)) if wanted else []
    for identity, run_id in zip(sorted(wanted), ids, strict=True):
        made.present[identity], is_new = await work.tx.insert_instance(
            _instance(wanted[identity], run_id)
        )
        if is_new:
            made.fresh.add(identity)
    there = [made.present[each].live_run_id for each in made.present if each not in made.fresh]
    if ids := [run_id for run_id in there if run_id is not None]:
        made.live = await work.tx.read_runs(ids)


def _instance(wish: _Wish, run_id: int) -> BatchInstance:
    return BatchInstance(
        group=wish.job.group,
        job=wish.job.name,
        key=wish.key,
        parameters=wish.parameters.identifying,
        live_run_id=run_id,
        last_run_id=run_id,
    )


async def run_ids_for(work: Work, wanted: Sequence[tuple[NewRun, Job]]) -> list[int]:
    """Ids of the runs that are to be created: new ones, but of new instances the promised ones."""
    drafts = work.drafts
    if not drafts:
        return await work.tx.allocate_run_ids(len(wanted))
    promised = [_promised(drafts.get(_instance_id(new))) for new, _ in wanted]
    fresh = iter(await work.tx.allocate_run_ids(promised.count(0)))
    return [id or next(fresh) for id in promised]


def _promised(draft: BatchRun | None) -> int:
    return 0 if draft is None else draft.run_id


def _instance_id(new: NewRun) -> int:
    return 0 if new.terms is None else new.terms.instance_id or 0
