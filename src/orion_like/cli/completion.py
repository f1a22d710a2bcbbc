"""`orion-like completion`: the script that makes a shell complete our commands."""

from __future__ import annotations

import click

from orion_like.cli.commands import Command

VARIABLE = "_ORION_LIKE_COMPLETE"


@click.command(
    "completion",
    cls=Command,
    help_when_bare=True,
    examples=[
        "completion bash > ~/.local/share/bash-completion/completions/orion-like",
        'completion zsh > "${fpath[1]}/_orion-like"',
        "completion fish > ~/.config/fish/completions/orion-like.fish",
    ],
)
@click.argument("shell", metavar="SHELL", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL: commands, options, names of experiments."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"completion is not available for {shell}")
    script = kind(ctx.find_root().command, {}, "orion-like", VARIABLE)
    # `source()` of bash starts a shell to check its version; the script itself needs none.
    click.echo(script.source_template % script.source_vars())
