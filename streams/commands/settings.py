"""`leadlane settings`: the reference, with the values in force."""

from __future__ import annotations

import click


@click.command()
def settings() -> None:
    """Every setting: environment variable, value in force, what it takes and what it is for."""
    from streams.settings import Settings, expectation, load_settings, variable

    in_force = load_settings()
    for name, field in Settings.model_fields.items():
        value = getattr(in_force, name)
        shown = "(unset)" if value is None else value
        mark = " " if value == field.get_default(call_default_factory=True) else "*"
        click.echo(f"{mark} {variable(name)}={shown}")
        click.echo(f"      {field.description}; {expectation(field)}")
    click.echo("\n* differs from the default")
