"""``isotropy reproduce``: does it do what the papers say?"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from isotropy.cli._app import app
from isotropy.cli._options import Out, Resume, Seed, settings_of
from isotropy.cli._show import show
from isotropy.errors import SchemaError


@app.command(short_help="Does it do what the papers say?")
def reproduce(
    name: Annotated[str, typer.Argument(help="The experiment, e.g. soft-equivariance.")],
    full: Annotated[bool, typer.Option("--full", help="The paper's own sizes (hours) instead of minutes.")] = False,
    seed: Seed = 0,
    out: Out = None,
    resume: Resume = False,
    setting: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="A setting of the experiment, e.g. abc=DIR.")
    ] = [],  # noqa: B006  typer copies its defaults
    part: Annotated[
        list[str], typer.Option("--part", help="Only this part, where an experiment has several; may be repeated.")
    ] = [],  # noqa: B006
    device: Annotated[
        str | None, typer.Option("--device", help="Where networks are trained and timed, e.g. cuda.")
    ] = None,
) -> None:
    """Does it do what the papers say? Prints our table beside the published one, and which claims held."""
    from isotropy.runs import Run

    experiment = _find(name)
    settings = settings_of(setting)
    config = _set(experiment.full if full else experiment.small, settings, name)
    config = dataclasses.replace(_narrowed(config, part, device, name), seed=seed)
    with Run(out or Path("runs") / f"reproduce-{name}{'-full' if full else ''}", resume=resume) as run:
        given = {"set": settings, "part": part, "device": device}
        run.configure({"experiment": name, "full": full, "seed": seed, **{k: v for k, v in given.items() if v}})
        result = experiment.run(config, run)
        result.to_json(run.path / "result.json")
        result.report(run.path / "report.html")
        show(result)
        for verdict in result.claims:
            print(f"{'held    ' if verdict.held else 'NOT held'}  {verdict.text}")
        print(f"\nreport: {run.path / 'report.html'}")


def _set(config: Any, settings: dict[str, object], name: str) -> Any:
    """The config with some of its text fields replaced; raises ``SchemaError`` for a key that is none of them."""
    known = [item.name for item in dataclasses.fields(config) if isinstance(getattr(config, item.name), str)]
    for key in settings:
        if key not in known or key == "device":
            raise SchemaError(f"--set {key}=... for {name}", "one of " + ", ".join(known), "--device cuda for a device")
        if key == "engine" and settings[key] not in ("serial", "process"):
            raise SchemaError(f"--set engine={settings[key]}", "serial or process")
    return dataclasses.replace(config, **settings)


def _narrowed(config: Any, parts: list[str], device: str | None, name: str) -> Any:
    """The config with some of its parts, on a device; raises ``SchemaError`` where it has no such thing."""
    known: Sequence[str] = getattr(config, "parts", [])
    for part in parts:
        if part not in known:
            raise SchemaError(f"--part {part} for {name}", "one of " + ", ".join(known) if known else "none: it is one")
    if device is not None and not hasattr(config, "device"):
        raise SchemaError(f"--device {device} for {name}", "no device: it runs on the CPU")
    _available(device)
    changes = {"parts": tuple(one for one in known if one in parts)} if parts else {}
    return dataclasses.replace(config, **changes, **({"device": device} if device is not None else {}))


def _available(device: str | None) -> None:
    """Raises ``SchemaError``, before anything runs, for a device that this machine does not have."""
    import torch

    if device is None:
        return
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as missing:
        reason = str(missing).splitlines()[0]
        raise SchemaError(f"--device {device}", "a device of this machine, e.g. cpu or cuda", reason) from missing


def _find(name: str) -> Any:
    registry: dict[str, Any] = importlib.import_module("isotropy.experiments").REGISTRY
    if name not in registry:
        raise SchemaError(f"the experiment {name!r}", "one of " + ", ".join(sorted(registry)))
    return registry[name]
