"""Templates in the words of a command: ``--save {trial.working_dir}/model.pt``.

Only the names of `FIELDS` are known, so that nothing else of a trial or of the program can be
reached, and all other braces (JSON, shell, f-strings) stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orion_like.errors import ConfigurationError
from orion_like.spelling import closest
from orion_like.trial import Trial

Experiment = Mapping[str, Any]  # id, name, version, working_dir

FIELDS: Mapping[str, Callable[[Trial, Experiment], Any]] = {
    "trial.working_dir": lambda trial, _: trial.working_dir,
    "trial.id": lambda trial, _: trial.id,
    "trial.hash_params": lambda trial, _: trial.hash_params,
    "trial.legacy_id": lambda trial, _: trial.legacy_id,
    "exp.name": lambda _, experiment: experiment["name"],
    "exp.id": lambda _, experiment: experiment["id"],
    "exp.version": lambda _, experiment: experiment["version"],
    "exp.working_dir": lambda trial, experiment: trial.exp_working_dir or experiment["working_dir"],
}

_TEMPLATE = re.compile(
    r"\{\{(?P<escaped>(?:trial|exp)\.\w[^{}\s]*)\}\}|\{(?P<field>(?:trial|exp)\.\w[^{}\s]*)\}"
)


@dataclass(frozen=True)
class Template:
    """A word with templates: `parts` are alternately literal text and names of fields."""

    parts: tuple[str, ...]

    @classmethod
    def parse(cls, word: str) -> Template:
        """Find the templates of a word.

        Raises
        ------
        ConfigurationError
            If a template has an unknown name.

        Examples
        --------
        >>> Template.parse('{"out": "{trial.id}.pt"}').parts
        ('{"out": "', 'trial.id', '.pt"}')
        """
        parts = [""]
        position = 0
        for match in _TEMPLATE.finditer(word):
            parts[-1] += word[position : match.start()]
            position = match.end()
            if match["escaped"]:
                parts[-1] += "{" + match["escaped"] + "}"
            else:
                parts += [_known(match["field"], word), ""]
        parts[-1] += word[position:]
        return cls(tuple(parts))

    def fill(self, trial: Trial, experiment: Experiment) -> str:
        """Return the word for a trial."""
        if len(self.parts) == 1:
            return self.parts[0]
        return "".join(
            str(FIELDS[part](trial, experiment)) if index % 2 else part
            for index, part in enumerate(self.parts)
        )


def _known(field: str, word: str) -> str:
    if field in FIELDS:
        return field
    meant = closest(field, FIELDS)
    hint = f"did you mean {{{meant}}}? " if meant else ""
    raise ConfigurationError(
        f"argument {word!r}: unknown template {{{field}}}; {hint}Known are "
        f"{', '.join(f'{{{name}}}' for name in FIELDS)}. Double the braces, {{{{{field}}}}}, "
        "to hand it to the script as it is"
    )
