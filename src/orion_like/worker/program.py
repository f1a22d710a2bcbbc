"""The program of a command: which of its words is the script, and whether it can be run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from orion_like.errors import InexecutableUserScript
from orion_like.spelling import closest
from orion_like.worker.prior_text import call_end

_PYTHON = re.compile(r"(?:python|pypy|ipython)[\d.]*\Z")
_SHELL = re.compile(r"(?:ba|z|da|k|fi|a)?sh\Z")
_INTERPRETERS = {".py": "python", ".sh": "bash", ".R": "Rscript", ".r": "Rscript"}
_INTERPRETERS |= {".jl": "julia", ".js": "node", ".pl": "perl", ".rb": "ruby", ".lua": "lua"}


@dataclass
class Program:
    """The words of a command, with the script it runs made absolute.

    Parameters
    ----------
    words
        The command.
    not_scripts
        Indices of words that are files of another kind.
    fixed
        Indices of the words that name the program, its script or its code.
    script
        File of the script, if the command runs one.
    """

    words: list[str]
    not_scripts: Collection[int] = ()
    fixed: set[int] = field(default_factory=set)
    script: str | None = None

    def use_script(self, index: int) -> None:
        """Take the word at `index` for the script; a file is named by its absolute path."""
        self.fixed.add(index)
        if os.path.exists(self.words[index]):
            self.words[index] = os.path.abspath(self.words[index])
        self.script = self.words[index]


def locate_program(
    words: Sequence[str], check: bool = True, not_scripts: Collection[int] = ()
) -> Program:
    """Find the program and the script in a command.

    Parameters
    ----------
    words
        The command, as typed.
    check
        Whether to make sure that they exist and can be run. Default True.
    not_scripts
        Indices of words that are files of another kind. Default none.

    Raises
    ------
    InexecutableUserScript
        If the program or script is missing or not executable.
    """
    program = Program(list(words), not_scripts)
    _locate(program, 0, check)
    return program


def _locate(program: Program, index: int, check: bool) -> None:
    name = program.words[index]
    base = os.path.basename(name)
    on_path = os.sep not in name and shutil.which(name) is not None
    if not on_path and not _runs_others(base):
        program.use_script(index)
        if check:
            check_executable(name)
        return
    program.fixed.add(index)
    if check and not on_path:
        check_executable(name)
    script = _script_finder(base)(program.words, index + 1, program.fixed)
    if base == "env":
        if script is not None:
            _locate(program, script, check)
    elif script is None:
        _locate_wrapped(program, index)
    elif script not in program.fixed:
        program.use_script(script)
        if check:
            _check_exists(program.words[script], path=())


def _runs_others(base: str) -> bool:
    return base == "env" or bool(_PYTHON.match(base) or _SHELL.match(base))


Finder = Callable[[Sequence[str], int, "set[int]"], "int | None"]


def _script_finder(base: str) -> Finder:
    if base == "env":
        return _after_environment
    if _PYTHON.match(base):
        return _python_script
    return _shell_script if _SHELL.match(base) else _no_script


def _no_script(words: Sequence[str], start: int, fixed: set[int]) -> int | None:  # noqa: ARG001
    return None


def _after_environment(words: Sequence[str], start: int, fixed: set[int]) -> int | None:
    """Return the index of the command that ``env`` runs."""
    index = start
    while index < len(words):
        word = words[index]
        if word in ("-u", "--unset", "-C", "--chdir"):
            fixed.update((index, index + 1))
            index += 2
        elif word.startswith("-"):
            fixed.add(index)
            index += 1
        elif "=" in word or _holds_prior(word):
            index += 1  # an assignment, whose value may be a prior
        else:
            return index
    return None


def _python_script(words: Sequence[str], start: int, fixed: set[int]) -> int | None:
    """Return the index of what Python runs: a file, or the code or module (then it is fixed)."""
    index = start
    while index < len(words) and words[index].startswith("-") and words[index] != "-":
        option = words[index]
        fixed.add(index)
        letters = "" if option.startswith("--") else option[1:]
        takes = re.search(r"[cmWX]", letters)
        attached = takes is not None and takes.end() < len(letters)
        if takes and takes[0] in "cm":
            code = index if attached else index + 1
            fixed.add(code)
            return code
        index += 2 if (takes and not attached) or option == "--check-hash-based-pycs" else 1
    return index if index < len(words) and words[index] != "-" else None


def _shell_script(words: Sequence[str], start: int, fixed: set[int]) -> int | None:
    """Return the index of what a shell runs: a file, or the text of ``-c`` (then it is fixed)."""
    index = start
    is_text = False
    while index < len(words) and words[index][:1] in ("-", "+") and len(words[index]) > 1:
        option = words[index]
        fixed.add(index)
        index += 1
        if option == "--":
            break
        short = not option.startswith("--")
        is_text = is_text or (short and option[0] == "-" and "c" in option)
        if option in ("--rcfile", "--init-file") or (short and option[-1] in "oO"):
            index += 1
    if index >= len(words):
        return None
    if is_text:
        fixed.add(index)
    return index


def _locate_wrapped(program: Program, start: int) -> None:
    """Find the script that a launcher runs: ``srun python train.py``, ``Rscript train.R``."""
    for index in range(start + 1, len(program.words)):
        word = program.words[index]
        if _holds_prior(word):
            break
        if _runs_others(os.path.basename(word)) and shutil.which(word):
            _locate(program, index, check=False)
            break
        runnable = os.sep in word and os.access(word, os.X_OK)
        is_file = index not in program.not_scripts and os.path.isfile(word)
        if is_file and (runnable or os.path.splitext(word)[1] in _INTERPRETERS):
            program.use_script(index)
            break


def _holds_prior(word: str) -> bool:
    _, tilde, prior = word.partition("~")
    return bool(tilde) and call_end(prior.lstrip("+"), 0) is not None


def check_executable(name: str) -> None:
    """Make sure that a program can be run.

    Raises
    ------
    InexecutableUserScript
        If it is missing, a directory, or not executable.
    """
    if os.sep not in name and shutil.which(name):
        return
    _check_exists(name)
    if os.path.isdir(name):
        raise InexecutableUserScript(f"cannot run {name!r}: it is a directory")
    if not os.access(name, os.X_OK):
        shown = name if os.sep in name else os.path.join(os.curdir, name)
        interpreter = _INTERPRETERS.get(os.path.splitext(name)[1])
        by_interpreter = f", or run it as `{interpreter} {name}`" if interpreter else ""
        raise InexecutableUserScript(
            f"cannot run {name!r}: it is not executable. Make it so with "
            f"`chmod +x {shown}`{by_interpreter}"
        )


def _check_exists(name: str, path: Sequence[str] | None = None) -> None:
    """Raise if a file is neither where its name says nor in the directories of `path`."""
    if os.path.exists(name):
        return
    directory, base = os.path.split(name)
    if path is None:
        path = () if directory else os.get_exec_path()
    place = os.path.abspath(directory)
    meant = closest(base, _file_names([place, *path]))
    hint = f". Did you mean {os.path.join(directory, meant)!r}?" if meant else ""
    raise InexecutableUserScript(
        f"cannot run {name!r}: there is no such file in {place}{' or on the PATH' if path else ''}"
        f"{hint}"
    )


def _file_names(directories: Iterable[str]) -> list[str]:
    names: list[str] = []
    for directory in directories:
        if os.path.isdir(directory) and os.access(directory, os.R_OK):
            names += os.listdir(directory)
    return names
