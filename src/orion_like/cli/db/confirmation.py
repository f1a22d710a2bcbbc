"""Asking before something is deleted or changed."""

from __future__ import annotations

import click

from orion_like.cli.output import printable


def confirm(consequence: str, name: str, force: bool) -> None:
    """Let the user retype a name, unless forced; raise `click.ClickException` if it differs."""
    if force:
        return
    click.echo(consequence)
    answer = click.prompt(f"Type {printable(name)!r} to go on", default="", show_default=False)
    if answer.strip() != name:
        raise click.ClickException("Confirmation failed, aborting operation.")
