"""What do all commands share? The group, options, examples, answers."""

import json
from typing import Any

import click

from ..errors import NeurosimError


class Refused(click.ClickException):
    """An error of the input: shown as one sentence, exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        click.echo(f"neurosim: {self.message}", err=True)


class Commands(click.Group):
    """A group whose commands turn neurosim's own errors into sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NeurosimError as error:
            raise Refused(str(error)) from error


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from .. import __version__

        click.echo(f"neurosim {__version__}")
        ctx.exit()


def example(text: str) -> str:
    """Help text of examples; click keeps line breaks after the mark."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in text.strip().splitlines())


as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object only.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=None,
    help="Seed of all random choices.",
)
threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Threads of the simulation.",
)


def answer(data: dict[str, Any], text: str, json_wanted: bool) -> None:
    """Print ``data`` as one JSON object, or ``text`` for people."""
    click.echo(json.dumps(data, indent=2, allow_nan=False) if json_wanted else text)


def lines(data: dict[str, Any], indent: str = "") -> str:
    """Lay out a nested dict as aligned lines."""
    width = max((len(str(key)) for key in data), default=0)
    out = []
    for key, value in data.items():
        if isinstance(value, dict) and value:
            out += [f"{indent}{key}:", lines(value, indent + "  ")]
        else:
            shown = "-" if value is None or value == {} or value == [] else value
            out.append(f"{indent}{str(key).ljust(width)}  {shown}")
    return "\n".join(out)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version.",
)
def cli() -> None:
    """Spiking networks: from sensor events to energy on neuromorphic chips."""
