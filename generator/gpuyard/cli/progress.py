"""What is going on, for a person who waits: on stderr, and only where somebody looks."""

import sys

import click

__all__ = ["progress"]


def progress(text: str) -> None:
    """Say what starts now; silent when stderr is piped."""
    if sys.stderr.isatty():
        click.echo(f"{text} …", err=True)
