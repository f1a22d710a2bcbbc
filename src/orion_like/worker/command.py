"""The user's command: the priors in its words and configuration files, filled in for a trial."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from orion_like.errors import ConfigurationError, InexecutableUserScript, MissingArguments
from orion_like.trial import Trial, plain_value
from orion_like.worker.arguments import Placement, find_placements
from orion_like.worker.config_file import ConfigFile
from orion_like.worker.prior_text import PriorText
from orion_like.worker.program import locate_program
from orion_like.worker.template import Template


@dataclass(frozen=True)
class ConfigWord:
    """A word that names a configuration file with priors.

    Parameters
    ----------
    prefix
        What stands before the file name in its word (``--config=``), or nothing.
    file
        The file.
    """

    prefix: str
    file: ConfigFile


Part: TypeAlias = "Template | Placement | ConfigWord"


@dataclass(frozen=True)
class UserCommand:
    """A command with priors, which becomes the command of any trial.

    Parameters
    ----------
    words
        The command as typed, except that its script and its configuration files are named by
        absolute paths.
    script
        File that the command runs, or the name of its program.
    config_option
        Name of the option whose value is a configuration file.
    parts
        The command, cut into what is filled in differently.
    priors
        Every prior in it, also those that only change an experiment (see `markers`).
    other_configs
        Configuration files that hold no prior, with the SHA-256 of what was in them.
    """

    words: tuple[str, ...]
    script: str
    config_option: str
    parts: tuple[Part, ...]
    priors: Mapping[str, PriorText]
    other_configs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(
        cls, user_args: Sequence[str], config_option: str = "config", *, check: bool = True
    ) -> UserCommand:
        """Understand a command.

        Parameters
        ----------
        user_args
            Program and arguments, one word each.
        config_option
            Name of the option whose value is a configuration file. Default ``'config'``.
        check
            Whether to make sure that the program and script can be run. Default True.

        Raises
        ------
        InexecutableUserScript
            If the command is empty, or its program or script is missing or not executable.
        PriorError
            If a word or a value in a configuration file announces a prior but isn't one.
        ConfigurationError
            If two priors have one name, a template is unknown, or a configuration file is
            malformed.

        Examples
        --------
        >>> command = UserCommand.parse(["echo", "--lr~uniform(0, 1)", "w=orion~choices([1, 2])"])
        >>> command.space
        {'/lr': 'uniform(0, 1)', '/w': 'choices([1, 2])'}
        """
        command = cls._parse(user_args, config_option, {}, check)
        paths = [command.words[i][len(p) :] for i, p in command._config_prefixes.items()]
        with_priors = {file.path for file in command.config_files}
        others = {path: _sha256(path) for path in paths if path not in with_priors}
        return replace(command, other_configs={p: sha for p, sha in others.items() if sha})

    @classmethod
    def _parse(
        cls, user_args: Sequence[str], config_option: str, texts: Mapping[str, str], check: bool
    ) -> UserCommand:
        """Understand a command, with remembered texts of configuration files by path."""
        _check_words(user_args)
        prefixes = _config_prefixes(user_args, config_option)
        program = locate_program(user_args, check, not_scripts=prefixes.keys())
        placements = find_placements(program.words, program.fixed)
        configs = _read_configs(program.words, prefixes, texts)
        return cls(
            words=tuple(program.words),
            script=program.script or program.words[0],
            config_option=config_option,
            parts=tuple(_parts(program.words, placements, configs)),
            priors=_collect(placements, configs.values()),
        )

    @property
    def space(self) -> dict[str, str]:
        """Prior of each dimension of the search space, as text."""
        return {name: prior.text for name, prior in self.priors.items() if prior.in_space}

    @property
    def markers(self) -> dict[str, str]:
        """What priors ask for in a new version: ``{'/lr': '+'}``, ``'-0.1'``, ``'>new_name'``."""
        return {
            name: prior.marker if prior.marker == "+" else str(prior)
            for name, prior in self.priors.items()
            if prior.marker
        }

    @property
    def spellings(self) -> dict[str, str]:
        """How its words name the dimensions: ``{'/lr': '--lr', '/model.depth': 'model.depth'}``."""
        placements = (part for part in self.parts if isinstance(part, Placement) and part.prefix)
        return {place.dimension: place.prefix.removesuffix("=") for place in placements}

    @property
    def config_files(self) -> list[ConfigFile]:
        """Configuration files that hold priors."""
        return [part.file for part in self.parts if isinstance(part, ConfigWord)]

    def render(self, trial: Trial, experiment: Mapping[str, Any]) -> list[str]:
        """Return the words of the command for a trial, and write its configuration files.

        Parameters
        ----------
        trial
            The trial; its working directory must exist if there are configuration files.
        experiment
            ``id``, ``name``, ``version`` and ``working_dir`` of its experiment.

        Raises
        ------
        MissingArguments
            If the trial has no value for a dimension that isn't conditional.
        """
        values = self._values(trial)
        words: list[str] = []
        written = 0
        for part in self.parts:
            if isinstance(part, Template):
                words.append(part.fill(trial, experiment))
            elif isinstance(part, Placement):
                words += part.words(values[part.dimension]) if part.dimension in values else []
            else:
                written += 1
                words.append(part.prefix + _write_config(part.file, trial, values, written))
        return words

    def _values(self, trial: Trial) -> dict[str, Any]:
        flat = trial.flat_params
        values = {}
        for name, prior in self.priors.items():
            if name in flat:
                values[name] = plain_value(flat[name])
            elif prior.in_space and not prior.is_conditional:
                raise MissingArguments(
                    f"trial {trial.id} has no value for {name!r} ({prior.text}), which the command "
                    f"needs; its parameters are {', '.join(flat) or 'none'}"
                )
        return values

    def to_metadata(self) -> dict[str, Any]:
        """Return what an experiment must remember to run this command again.

        Plain values only, and complete: it does not need the configuration files any more.
        """
        placements = [part for part in self.parts if isinstance(part, Placement)]
        configs = self.config_files
        return {
            "user_script": self.script,
            "user_args": list(self.words),
            "user_script_config": self.config_option,
            "parser": {
                "config_prefix": self.config_option,
                "cmd_priors": [[part.dimension, str(part.prior)] for part in placements],
                "file_priors": [
                    [name, str(prior)] for file in configs for name, prior in file.priors.items()
                ],
                "config_files": [{"path": file.path, "text": file.text} for file in configs],
                "other_configs": [
                    {"path": path, "sha256": sha} for path, sha in self.other_configs.items()
                ],
            },
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> UserCommand | None:
        """Return the command that an experiment remembers; None if it was made without one.

        Experiments made by Oríon are understood too. Nothing is checked, so that this works
        where the script isn't; see `check`.
        """
        user_args = metadata.get("user_args")
        if not user_args:
            return None
        parser = metadata.get("parser") or {}
        texts = {file["path"]: file["text"] for file in parser.get("config_files", [])}
        option = metadata.get("user_script_config") or "config"
        others = {file["path"]: file["sha256"] for file in parser.get("other_configs", [])}
        command = cls._parse(user_args, option, texts, check=False)
        return replace(command, other_configs=others)

    def fixed_words(self) -> Iterator[tuple[int, str]]:
        """Yield the words that are the same in every trial, with their places.

        The program, its script and configuration files are left out: these may be elsewhere on
        another machine.
        """
        left_out = set(locate_program(self.words, check=False).fixed)
        for index, prefix in self._config_prefixes.items():
            path = self.words[index][len(prefix) :]
            if path in self.other_configs or any(path == f.path for f in self.config_files):
                left_out |= {index} if prefix else {index, index - 1}
        index = 0
        for part in self.parts:
            if isinstance(part, Placement):
                index = part.stop
                continue
            if index not in left_out:
                yield index, self.words[index]
            index += 1

    @property
    def settings_beside_priors(self) -> dict[str, Any]:
        """What its configuration files say besides the priors in them, by place."""
        found: dict[str, Any] = {}
        for file in self.config_files:
            found |= file.settings_beside_priors
        for path, sha in self.other_configs.items():
            found[os.path.basename(path)] = f"SHA-256 {sha[:10]}…"
        return found

    @property
    def _config_prefixes(self) -> dict[int, str]:
        return _config_prefixes(self.words, self.config_option)

    def check(self) -> None:
        """Make sure that the program and script can be run here.

        Raises
        ------
        InexecutableUserScript
            If one is missing or not executable.
        """
        locate_program(self.words)


def _sha256(path: str) -> str | None:
    """Return the SHA-256 of the content of a file; None if it is none that can be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError:
        return None


def _check_words(user_args: Sequence[str]) -> None:
    if not user_args or not user_args[0]:
        raise InexecutableUserScript(
            "no command to run; give a script and its arguments, for example "
            "./train.py --lr~'loguniform(1e-5, 1)'"
        )
    for number, word in enumerate(user_args):
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            raise ConfigurationError(
                f"argument {number} of the command, {word!r}, is not valid UTF-8, so it cannot be "
                "stored; rename it"
            ) from None


def _config_prefixes(words: Sequence[str], option: str) -> dict[int, str]:
    """Return the words that hold a value of the option, with what precedes it in the word."""
    prefixes: dict[int, str] = {}
    for index in range(1, len(words)):
        name, equals, _ = words[index].partition("=")
        if equals and name.lstrip("-+") == option:
            prefixes[index] = name + equals
        elif words[index - 1] in (f"--{option}", f"-{option}"):
            prefixes[index] = ""
    return prefixes


def _read_configs(
    words: list[str], prefixes: Mapping[int, str], texts: Mapping[str, str]
) -> dict[int, ConfigWord]:
    """Return the files with priors by the index of their word, and make all paths absolute."""
    configs: dict[int, ConfigWord] = {}
    for index, prefix in prefixes.items():
        path = words[index][len(prefix) :]
        if path not in texts and os.path.isfile(path):
            path = os.path.abspath(path)
            words[index] = prefix + path
        file = ConfigFile.parse(path, texts[path]) if path in texts else ConfigFile.read(path)
        if file is not None:
            configs[index] = ConfigWord(prefix, file)
    return configs


def _collect(
    placements: Iterable[Placement], configs: Iterable[ConfigWord]
) -> dict[str, PriorText]:
    """Return all priors by name, each name once."""
    found = [("the command line", part.dimension, part.prior) for part in placements]
    for config in configs:
        found += [(config.file.path, name, prior) for name, prior in config.file.priors.items()]
    priors: dict[str, PriorText] = {}
    places: dict[str, str] = {}
    for place, name, prior in found:
        if name in priors:
            raise ConfigurationError(
                f"two priors are named {name!r}: {priors[name]} in {places[name]} and {prior} in "
                f"{place}; remove or rename one"
            )
        priors[name], places[name] = prior, place
    return priors


def _parts(
    words: Sequence[str], placements: Iterable[Placement], configs: Mapping[int, ConfigWord]
) -> list[Part]:
    starts = {placement.start: placement for placement in placements}
    parts: list[Part] = []
    index = 0
    while index < len(words):
        if index in starts:
            parts.append(starts[index])
            index = starts[index].stop
            continue
        parts.append(configs[index] if index in configs else Template.parse(words[index]))
        index += 1
    return parts


def _write_config(file: ConfigFile, trial: Trial, values: Mapping[str, Any], number: int) -> str:
    """Write the configuration file of a trial and return its path."""
    text = file.render({name: values[name] for name in file.priors if name in values})
    ordinal = "" if number == 1 else f"_{number}"
    path = os.path.join(trial.working_dir, f"trial_{trial.id[:8]}{ordinal}{file.suffix}")
    with open(f"{path}.tmp", "w", encoding="utf-8", newline="") as output:
        output.write(text)
    os.replace(f"{path}.tmp", path)
    return path
