"""What a user decided about versions: whether changes make one, its name, what changes do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orion_like.experiment.versions.conflict import MetadataComparison, nothing_compared

if TYPE_CHECKING:
    from orion_like.experiment.versions.resolution import Resolutions


@dataclass(frozen=True)
class Branching:
    """Settings of experiment versions; None is what the user did not say.

    Parameters
    ----------
    enable
        Whether a change makes a new version. Default False.
    branch_from
        Experiment that a new name branches from.
    branch_to
        Name of the branch. Default: the same name, with the next version.
    auto_resolution
        Whether differences that the user does not mention are resolved by their defaults.
        Default True.
    manual_resolution
        Whether to ask how differences are resolved. Default False.
    non_monitored_arguments
        Options of the command, without their dashes, whose values do not matter.
    ignore_code_changes
        Whether changes of the code do not matter. Default False.
    algorithm_change, orion_version_change
        Whether the algorithm, and the version of this package, may change; needed without
        `auto_resolution` only.
    code_change_type, cli_change_type, config_change_type
        What changes of the code, the command line and the script's configuration file do to
        results: ``'noeffect'``, ``'unsure'`` or ``'break'``.
    markers
        Changes that the user marked: ``'+'``, ``'-'``, ``'-value'`` or ``'>name'`` by dimension.
    spellings
        How the words of a command name dimensions, such as ``{"/lr": "--lr"}``.
    compare_commands
        Finds what differs between two commands. Default: nothing is compared.
    resolve_by_hand
        Asks people to resolve what is left, given the document of the parent; None where there
        is nobody to ask.
    announce
        Called with the document of a new version and what made it one.
    """

    enable: bool = False
    branch_from: str | None = None
    branch_to: str | None = None
    auto_resolution: bool = True
    manual_resolution: bool = False
    non_monitored_arguments: Sequence[str] = ()
    ignore_code_changes: bool = False
    algorithm_change: bool = False
    orion_version_change: bool = False
    code_change_type: str | None = None
    cli_change_type: str | None = None
    config_change_type: str | None = None
    markers: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    compare_commands: MetadataComparison = nothing_compared
    resolve_by_hand: Callable[[Mapping[str, Any], Resolutions], None] | None = None
    announce: Callable[[Mapping[str, Any], Resolutions], None] | None = None

    @property
    def is_asked_for(self) -> bool:
        """Whether a change makes a new version; to mark changes or name a branch asks for it."""
        return bool(self.enable or self.branch_to or self.branch_from or self.markers)
