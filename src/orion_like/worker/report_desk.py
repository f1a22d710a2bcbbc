"""Where a worker takes in what its running trials report: to store it, and to judge by it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from math import isfinite
from time import monotonic
from typing import Any

from orion_like.errors import CheckpointError, DatabaseError
from orion_like.experiment.curves import Curves
from orion_like.experiment.experiment import Experiment
from orion_like.stopping import Curve, StoppingRules
from orion_like.storage.checkpoints import Checkpoint, store_checkpoints
from orion_like.storage.database.values import plain
from orion_like.storage.metrics import (
    DEFAULT_GROUP,
    Report,
    fetch_reports,
    replace_values,
    store_reports,
)
from orion_like.storage.storage import TRIALS
from orion_like.trial import Result, Trial
from orion_like.worker.channel import OBJECTIVE, checked_group, checked_step, checked_values
from orion_like.worker.checkpoint_keeper import CheckpointKeeper
from orion_like.worker.live_trial import LiveTrial
from orion_like.worker.pace import Pace
from orion_like.worker.report_server import Mailbox, ReportServer
from orion_like.worker.unrecorded import find_unrecorded

logger = logging.getLogger(__name__)

LOST = "another worker has taken the trial over"


class ReportDesk:
    """Takes the reports of all trials that a worker runs, and answers whether to stop them.

    Reports are stored in batches, of all trials together: at once where the database is quick,
    and otherwise so often that it takes a tenth of the time, at least twice a second.

    Parameters
    ----------
    experiment
        The experiment.
    clock
        Monotonic seconds.
    host
        Name or address by which other machines reach this one. Default: they do not.
    """

    def __init__(
        self, experiment: Experiment, clock: Callable[[], float] = monotonic, host: str = ""
    ) -> None:
        self.experiment = experiment
        self._host = host
        self.clock = clock
        self.rules = StoppingRules(experiment.stopping)
        self.lock = threading.RLock()
        self.keeper = CheckpointKeeper(experiment)
        self._curves: Curves | None = None
        self._storing, self._reading = Pace(clock), Pace(clock)
        self._lines: dict[Any, ReportLine] = {}
        self._server: ReportServer | None = None
        self._has_warned = False

    @property
    def curves(self) -> Curves:
        """The learning curves of the experiment."""
        if self._curves is None:
            self._curves = Curves(self.experiment)
        return self._curves

    @property
    def server(self) -> ReportServer:
        """What listens for other processes; made on first use."""
        if self._server is None:
            self._server = ReportServer(self._on_idle, self._host)
        return self._server

    def open(self, trial: Trial) -> ReportLine:
        """Take reports of a trial from now on."""
        with self.lock:
            line = self._lines[trial._id] = ReportLine(self, trial)
            self._reading.hurry()  # what ended before it began counts, however quick it is
            return line

    def close(self, trial: Trial) -> ReportLine:
        """Store all that a trial reported, and take no more of it.

        Raises
        ------
        DatabaseError
            If it cannot be stored. What was reported is kept, so that this may be called again.
        """
        line = self._lines.get(trial._id) or ReportLine(self, trial)
        line.hang_up()
        with self.lock:
            if line.unstored:
                self._store([line])
            self._lines.pop(trial._id, None)
            return line

    def record_missing(self, trial: LiveTrial, attempt: int) -> None:
        """Record what a trial saved in an attempt that was killed before it could tell."""
        database, uid = self.experiment.storage.database, self.experiment.id
        try:
            missing = find_unrecorded(database, uid, trial, attempt)
            store_checkpoints(database, uid, missing)
        except (OSError, DatabaseError, CheckpointError) as error:
            logger.warning("checkpoints are not looked for: %s", error)
            return
        if missing:
            self.keeper.wake()

    def flush(self) -> None:
        """Store all that was reported until now.

        Raises
        ------
        DatabaseError
            If it cannot be stored.
        """
        for line in list(self._lines.values()):
            line.take_in()
        with self.lock:
            lines = [line for line in self._lines.values() if line.unstored]
            if lines:
                self._store(lines)

    def stop(self) -> None:
        """End the thread, and give back what it uses."""
        self.keeper.stop()
        with self.lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()

    def others(self, line: ReportLine, group: str) -> Sequence[Curve]:
        """Return the curves of the other trials, as new as can be had without much ado."""
        if self._reading.is_due:
            try:
                with self._reading.taken():
                    self.curves.refresh()
            except DatabaseError as error:
                logger.warning("reports of other trials are not read: %s", error)
        return self.curves.of_others(line.trial._id, group)

    def earlier_reports(self, trial: Trial, group: str, first: int) -> list[Report]:
        """Return what earlier attempts at a trial reported before the first step of this one."""
        if trial.attempt <= 1:
            return []
        database, uid = self.experiment.storage.database, self.experiment.id
        try:
            reports = fetch_reports(database, uid, [trial._id], group)
        except DatabaseError as error:
            logger.warning("reports of earlier attempts are not read: %s", error)
            return []
        return [r for r in reports if r.attempt < trial.attempt and r.step < first]

    def warn_of_missing_objectives(self, report: Report) -> None:
        """Say, once, that nothing can be judged by what is reported."""
        if not self._has_warned:
            self._has_warned = True
            names = ", ".join(objective["name"] for objective in self.experiment.objectives)
            logger.warning(
                "stopping rules cannot judge reports without %s, such as the one of %s",
                names,
                ", ".join(report.values),
            )

    def note(self) -> None:
        """Store what was reported, now or soon."""
        if self._storing.is_due:
            self._store_or_warn()
        else:
            self.server.wake()

    def _on_idle(self) -> float | None:
        """Store what has waited long enough; return when to look again."""
        with self.lock:
            if not any(line.unstored for line in self._lines.values()):
                return None
            if self._storing.is_due:
                self._store_or_warn()
            return max(0.0, self._storing.wait)

    def _store_or_warn(self) -> None:
        try:
            with self._storing.taken():
                self._store([line for line in self._lines.values() if line.unstored])
        except DatabaseError as error:
            logger.warning("reports are kept until the database answers: %s", error)

    def _store(self, lines: Sequence[ReportLine]) -> None:
        owned = self._owned(lines)
        fresh = [report for line in lines for report in line.fresh.values()]
        store_reports(
            self.experiment.storage.database,
            self.experiment.id,
            [report for report in fresh if report.trial in owned],
        )
        saved = [checkpoint for line in lines for checkpoint in line.checkpoints]
        store_checkpoints(
            self.experiment.storage.database,
            self.experiment.id,
            [checkpoint for checkpoint in saved if checkpoint.trial in owned],
        )
        if saved:
            self.keeper.wake()
        for line in lines:
            for report in line.extended.values():
                if report.trial in owned:
                    replace_values(self.experiment.storage.database, report)
            line.forget_unstored()
            if line.trial._id not in owned:
                line.reason = LOST

    def _owned(self, lines: Sequence[ReportLine]) -> set[Any]:
        """Return which trials are still this worker's: what comes late is not stored."""
        query = {"_id": {"$in": [line.trial._id for line in lines]}, "status": "reserved"}
        found = {
            document["_id"]: (document.get("worker"), document.get("attempt"))
            for document in self.experiment.storage.database.find(
                TRIALS, query, fields=["worker", "attempt"]
            )
        }
        return {
            line.trial._id
            for line in lines
            if found.get(line.trial._id) == (line.trial.worker, line.trial.attempt)
        }


class ReportLine:
    """The reports of one trial in this attempt.

    Parameters
    ----------
    desk
        Where they go.
    trial
        The trial, as this worker owns it.
    """

    def __init__(self, desk: ReportDesk, trial: Trial) -> None:
        self._desk = desk
        self.trial = trial
        self.reason: str | None = None
        self.was_told = False
        self._has_asked = False
        self._verdict: tuple[str, int, float] | None = None  # after which report, and when
        self._goes_on = False
        self.fresh: dict[tuple[str, int], Report] = {}
        self.extended: dict[tuple[str, int], Report] = {}
        self.checkpoints: list[Checkpoint] = []
        self._reports: dict[tuple[str, int], Report] = {}
        self._latest_step: dict[str, int] = {}
        self._curves: dict[str, Curve] = {}
        self._start = desk.clock()
        self._opening = threading.Lock()  # not the desk's: the server waits for that one
        self._mailbox: Mailbox | None = None
        self._is_closed = False

    @property
    def unstored(self) -> bool:
        """Whether there is something to store."""
        return bool(self.fresh or self.extended or self.checkpoints)

    def forget_unstored(self) -> None:
        """Take note that all is stored."""
        self.fresh.clear()
        self.extended.clear()
        self.checkpoints.clear()

    def listen(self) -> str:
        """Listen, and return where any process of this machine reports for the trial."""
        with self._opening:
            if self._is_closed:
                return ""
            if self._mailbox is None:
                self._mailbox = self._desk.server.listen(self._answer)
            return self._mailbox.address

    def take_in(self) -> None:
        """Take in what was sent until now."""
        if self._mailbox is not None:
            self._desk.server.take_in(self._mailbox)

    def hang_up(self) -> None:
        """Take in what was sent, and listen no more."""
        with self._opening:
            mailbox, self._mailbox, self._is_closed = self._mailbox, None, True
        if mailbox is not None:
            self._desk.server.close(mailbox)

    def _answer(self, message: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if "ask" in message:
            self._has_asked = True
            return {"stop": self.reason_to_stop()}
        if "watch" in message:
            return {"end": self.reason_to_end(float(message["watch"]))}
        # What cannot be stored is refused now: later it would keep all else from being stored.
        json.dumps(plain(message), ensure_ascii=False).encode()
        if "checkpoint" in message:
            self._note_checkpoint(message["checkpoint"])
            return None
        self.report(
            checked_values(message["values"]),
            checked_step(message.get("step")),
            checked_group(message.get("group", DEFAULT_GROUP)),
        )
        return None

    def _note_checkpoint(self, saved: Mapping[str, Any]) -> None:
        with self._desk.lock:
            now = datetime.now(timezone.utc)
            checkpoint = Checkpoint(
                self.trial._id,
                self.trial.attempt,
                step=checked_step(saved["step"]) or 0,
                path=str(saved["path"]),
                resources=saved["resources"],
                metadata=saved["metadata"],
                time=now,
                id=str(saved["path"])[-32:],
                host=str(saved.get("host") or ""),
            )
            self.checkpoints.append(checkpoint)
            self._desk.note()

    def report(self, values: Mapping[str, float], step: int | None, group: str) -> None:
        """Take in a report."""
        with self._desk.lock:
            self._report(values, step, group)

    def _report(self, values: Mapping[str, float], step: int | None, group: str) -> None:
        latest = self._latest_step.get(group, -1)
        step = latest + 1 if step is None else step
        self._latest_step[group] = max(latest, step)
        objective = self._desk.experiment.objectives[0]["name"]
        named = {objective if name == OBJECTIVE else name: v for name, v in values.items()}
        before = self._reports.get((group, step))
        if before is not None and not named.keys() - before.values.keys():
            return
        report = Report(
            self.trial._id,
            self.trial.attempt,
            group,
            step,
            {**named, **(before.values if before is not None else {})},
            datetime.now(timezone.utc),
        )
        is_stored = before is not None and (group, step) not in self.fresh
        (self.extended if is_stored else self.fresh)[group, step] = report
        self._reports[group, step] = report
        self._judge(report)
        self._desk.note()

    def reason_to_stop(self) -> str | None:
        """Return why the trial should stop, and remember that it was told so; else None."""
        with self._desk.lock:
            if self.reason is None:
                self._judge_by_clock()
            self.was_told = self.reason is not None
            return self.reason

    def reason_to_end(self, patience: float) -> str | None:
        """Return why who never asks is to be ended by its worker, and remember that; else None.

        Parameters
        ----------
        patience
            Seconds after the verdict for which it is left alone, to ask for the first time;
            fewer if it reports a later step instead.
        """
        with self._desk.lock:
            if self._has_asked:
                return None
            if self.reason is None:
                self._judge_by_clock()
            if self.reason is None:
                return None
            since = self._desk.clock() - self._note_verdict()
            if not self._goes_on and since < patience:
                return None
            self.was_told = True
            return self.reason

    def _note_verdict(self, group: str = "", step: int = -1) -> float:
        """Return when it was found that the trial should stop; that is now, unless it was noted."""
        if self._verdict is None:
            self._verdict = (group, step, self._desk.clock())
        return self._verdict[2]

    # --- judging ---------------------------------------------------------------------------------

    def _judge(self, report: Report) -> None:
        if self._verdict is not None:
            group, step, _ = self._verdict
            self._goes_on = self._goes_on or (report.group == group and report.step > step)
        if not self._desk.rules or self.reason is not None:
            return
        curve = self._curve(report.group)
        if curve.steps and report.step <= curve.steps[-1]:
            return
        if not self._desk.curves.extend(curve, report):
            self._desk.warn_of_missing_objectives(report)
            return
        curve.elapsed = self._desk.clock() - self._start
        self.reason = self._desk.rules.verdict(
            report.group, curve, lambda: self._desk.others(self, report.group)
        )
        if self.reason is not None:
            self._note_verdict(report.group, report.step)

    def _judge_by_clock(self) -> None:
        for group, curve in self._curves.items():
            curve.elapsed = self._desk.clock() - self._start
            self.reason = self.reason or self._desk.rules.verdict(
                group, curve, lambda: (), by_clock=True
            )

    def _curve(self, group: str) -> Curve:
        """Return the curve so far, which may go on from earlier attempts."""
        if group not in self._curves:
            first = min(step for name, step in self._reports if name == group)
            earlier = self._desk.earlier_reports(self.trial, group, first)
            self._curves[group] = self._desk.curves.new_curve(earlier)
        return self._curves[group]

    @property
    def results(self) -> list[Result]:
        """What the trial had come to: the last report that has all objectives, if finite."""
        names = [objective["name"] for objective in self._desk.experiment.objectives]
        constraints = {entry["name"] for entry in self._desk.experiment.outcome_constraints}
        ordered = sorted(self._reports, key=lambda key: (key[0] != DEFAULT_GROUP, -key[1]))
        for key in ordered:
            values = self._reports[key].values
            if len(names) == 1 and len(values) == 1:
                values = {names[0]: next(iter(values.values()))}
            if all(name in values for name in names):
                return _results(values, names, constraints)
        return []


def _results(
    values: Mapping[str, float], names: Sequence[str], constraints: set[str]
) -> list[Result]:
    if not all(isfinite(values[name]) for name in names):
        return []
    return [
        *(Result(name=name, type="objective", value=values[name]) for name in names),
        *(
            Result(name=name, type="constraint", value=value)
            for name, value in values.items()
            if name in constraints and name not in names and isfinite(value)
        ),
    ]
