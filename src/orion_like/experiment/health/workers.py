"""Whether workers are well: their clocks, their versions, and what dead ones left behind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from orion_like.experiment.health.case import MANY, Case
from orion_like.experiment.health.finding import Finding
from orion_like.version import __version__

TOLERATED_SKEW = 2.0  # seconds
MUCH_LONGER = 10.0  # times the typical duration of a trial
LONG = timedelta(minutes=1)  # below this no trial counts as stuck


def wrong_clocks(case: Case) -> Iterator[Finding]:
    """Find hosts of workers whose clock differs from the database's."""
    hosts: dict[str, float] = {}
    for worker in case.workers:
        ahead = worker.clock_ahead
        if ahead is not None and abs(ahead) > abs(hosts.get(worker.host, TOLERATED_SKEW)):
            hosts[worker.host] = ahead
    for host, ahead in hosts.items():
        yield wrong_clock(case.title, host, ahead)


def wrong_clock(place: str, host: str, ahead: float) -> Finding:
    """Return the finding that the clock of a host differs from the database's."""
    direction = "ahead of" if ahead > 0 else "behind"
    return Finding(
        "wrong",
        "clock-skew",
        place,
        f"the clock of {host} is {abs(ahead):.1f} seconds {direction} the database's",
        "have that host follow a time server ('timedatectl set-ntp true'); until then times in a "
        "database file, and those that this host shows, are off by so much",
    )


def different_versions(case: Case) -> Iterator[Finding]:
    """Find workers that run another version of this package."""
    hosts: dict[str, set[str]] = defaultdict(set)
    for worker in case.workers:
        if worker.version is not None and worker.state != "lost":
            hosts[worker.version].add(worker.host)
    if set(hosts) <= {__version__}:
        return
    told = "; ".join(f"{version} on {', '.join(sorted(on))}" for version, on in hosts.items())
    yield Finding(
        "wrong",
        "version-drift",
        case.title,
        f"workers do not all run version {__version__} of orion_like, as this program does: {told}",
        f"install the same version everywhere ('pip install orion_like=={__version__}'); then have "
        "workers end and start them anew",
        (f"stop {case.option}", f"resume {case.option}"),
    )


def leftovers(case: Case) -> Iterator[Finding]:
    """Find workers that died without saying so, and the trials that they still hold."""
    lost = [worker for worker in case.workers if worker.state == "lost"]
    if not lost:
        return
    trials = sum(len(worker.trials) for worker in lost)
    somebody = any(worker.state != "lost" for worker in case.workers)
    hosts = ", ".join(sorted({worker.host for worker in lost}))
    held = f", holding {_counted(trials, 'trial')}" if trials else ""
    remedy = "nothing: the other workers take them over" if somebody else "release them"
    yield Finding(
        "wrong" if trials and not somebody else "note",
        "dead-workers",
        case.title,
        f"{_counted(len(lost), 'worker')} died without saying so (on {hosts}){held}",
        remedy if trials else "nothing, unless they should not have died; this forgets them",
        () if somebody and trials else (f"db release {case.named} --force",),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def stuck_trials(case: Case) -> Iterator[Finding]:
    """Find trials that run for much longer than others, though their workers live."""
    typical = case.typical_duration
    if typical is None:
        return
    limit = max(MUCH_LONGER * typical, LONG.total_seconds())
    for worker in case.workers:
        for trial in worker.trials if worker.state == "running" else ():
            start = trial.start_time
            # The start is that of the first attempt: of later ones nothing is known.
            if start is None or trial.attempt > 1:
                continue
            running = (case.now - start).total_seconds()
            if running > limit:
                yield Finding(
                    "wrong",
                    "stuck-trial",
                    case.title,
                    f"trial {trial.id} has been running for {timedelta(seconds=round(running))} on "
                    f"{worker.host} (process {worker.pid}), and half of the others took at most "
                    f"{timedelta(seconds=round(typical, 3))}",
                    "look at that process; if it hangs, release the trial, and give trials a time "
                    "limit from now on",
                    (
                        f"db set {case.named} id={trial.id} status=interrupted --force",
                        f"hunt {case.option} --trial-timeout {round(limit)}",
                    ),
                )


def slow_suggestions(case: Case) -> Iterator[Finding]:
    """Find that workers spend more time between trials than in them."""
    typical = case.typical_duration
    gaps = sorted(_gaps(case))
    if typical is None or len(gaps) < 2 * MANY:
        return
    gap = gaps[len(gaps) // 2]
    if gap <= max(typical, 1.0):
        return
    yield Finding(
        "note",
        "slow-suggestions",
        case.title,
        f"workers spend {gap:.1f} seconds between two trials, which run for {typical:.1f} "
        f"(medians): suggestions of {case.algorithm or 'the algorithm'}, or the database, take "
        "longer than the trials",
        "run more in one trial, or go on with an algorithm that thinks less, in a new version",
        case.new_version("--enable-evc", "--algorithm", "random"),
    )


def _gaps(case: Case) -> Iterator[float]:
    """Yield the seconds from the end of a trial to the next start in the same place of a worker."""
    spans = defaultdict(list)
    for trial in case.completed:
        if trial.start_time is not None and trial.end_time is not None and trial.attempt == 1:
            spans[trial.worker].append((trial.start_time, trial.end_time))
    for of_worker in spans.values():
        starts = sorted(start for start, _ in of_worker)
        ends = sorted(end for _, end in of_worker)
        events = sorted([(s, 1) for s in starts] + [(e, -1) for e in ends])
        running = places = 0
        for _, change in events:
            running += change
            places = max(places, running)
        # With n places, the first n trials start at once, and each end is followed by a start.
        for end, start in zip(ends, starts[places:], strict=False):
            yield max(0.0, (start - end).total_seconds())
