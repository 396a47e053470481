"""The page docs/results/real-data.md: what ``isotropy discover`` says of data that nobody here made.

    python benchmarks/real_data_page.py runs/real-data [NAME ...] > docs/results/real-data.md

Runs what has not been run into that folder, one command after another, and writes what each said (result.json) and
cost (usage.json, by the clock and by the processors), with what there is to say for it and against it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MACHINE = "2 cores of a shared machine, other work beside"
_HEAD = f"""# Real data

What `isotropy discover` says of tables that nobody here made, and why that is right, or what there is to doubt. Two of
them are negative controls, without any symmetry to find. Seed 0; {_MACHINE}: seconds of the processors say more than
those of the clock. Written by `benchmarks/real_data_page.py` from result.json; the verdicts are asserted by
`tests/discovery/test_real_data.py` and `tests/data/test_builtin.py`.
"""


@dataclass(frozen=True)
class Table:
    """A data set, how it is asked about, and what there is to say about the answer."""

    name: str
    title: str
    asked: str
    defence: str
    options: tuple[str, ...] = ("--quick",)

    @property
    def words(self) -> list[str]:
        return ["discover", self.name, *self.options, "--seed", "0"]


TABLES = (
    Table(
        "eth-ucy",
        "Pedestrians",
        "Of eight positions of a walker, 0.4 s apart, the twelve that follow. Do turned, mirrored and scaled tracks"
        " go on as the originals do? Rows of one walker are one unit.",
        "Walking straight on predicts nearly all of a track and keeps every one of these symmetries, so the share "
        "that breaks is under one per cent of the signal for all; of the error that is left, corners and doors, it "
        "is more. That streets fix directions shows in p-values and prices. T(2) was imposed by centring, and the "
        "report says so instead of finding it. *To doubt:* five places are not all places, and walkers of one scene"
        " met the same walls; with scenes as units there would be five.",
    ),
    Table(
        "photos",
        "Photographs",
        "Of the 40 grey values around a hole, the nine inside it. Do quarter turns, mirrors and the half turn hold?"
        " Cells of 53 pixels are the units.",
        "The autocorrelation of a stationary picture is even, so that no linear predictor can tell a patch from its"
        " half turn: C(2) must break least, and does. Mirrors are less certain, and quarter turns, which level"
        " horizons tell apart, stay undecided: 192 cells are few. What was not learned is texture or noise, nobody"
        " has told which, and so nothing firmer than *none seen* is said. *To doubt:* these are two photographs;"
        " nothing is claimed of others.",
    ),
    Table(
        "digits",
        "Digits",
        "Of 8x8 grey values, which digit was written. Do turned, shifted, enlarged, sheared and mirrored digits mean"
        " the same?",
        "Nobody wrote them upside down or half out of the picture: few moved digits look like digits of the data, and"
        " what the others would be called cannot be told. *Not identifiable* is the honest word. What networks"
        " tolerate, and what a constraint costs them, stands beside it: prices, and no facts about digits. *To"
        " doubt:* one figure speaks of all ten classes; of 0 and 8 alone, which look much like their mirror images,"
        " more could be said.",
        options=(),  # the full report
    ),
    Table(
        "diabetes",
        "Diabetes: a negative control",
        "Ten measurements of 442 patients, and how far the disease went on in a year. Are the six blood values "
        "interchangeable, S(6)?",
        "They are not: cholesterol, its parts, triglycerides and sugar have units and meanings of their own (the "
        "command warns that they differ in size by a factor of 45), and a patient with two of them exchanged does "
        "not occur. That is what the overlap says, so the data can neither confirm nor refute what a model makes of"
        " such patients, and the price beside it is the reason to leave it. Without `--groups` and with Scalars "
        "alone the command refuses to propose anything. *To doubt:* the columns of breaking and explained, whose "
        "ends are 0 and 1: they are no more than a frame around what is not known.",
    ),
    Table(
        "linnerud",
        "Linnerud: a negative control",
        "Exercises and bodies of twenty men. Are three exercises interchangeable, S(3)?",
        "Twenty rows cannot carry an answer, and none is given; a p-value from them would be read as one.",
    ),
)


def ran(table: Table, folder: Path) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The result (None where the command refused) and what it cost, run now if it has not been."""
    out, usage = folder / table.name, folder / f"{table.name}.usage.json"
    if not usage.exists():
        command = [sys.executable, "-c", "from isotropy.cli import main; main()", *table.words, "--out", str(out)]
        began = time.perf_counter()
        with (folder / f"{table.name}.out").open("w") as said:
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cost = {"wall": time.perf_counter() - began, "processor": used.ru_utime + used.ru_stime}
        usage.write_text(json.dumps(cost))
    result = out / "result.json"
    return json.loads(result.read_text()) if result.exists() else None, json.loads(usage.read_text())


def _of_pictures(result: Mapping[str, Any]) -> Iterator[str]:
    yield "| candidate | how much it breaks | verdict | overlap | tolerated | accuracy lost by insisting |"
    yield "|---|---|---|---|---|---|"
    for f in result["groups"]:
        ends = f"{f['breaking']:.1%} [{f['low']:.1%}, {f['high']:.1%}]"
        span = f["range"]
        span = "" if span is None else f"{span['low']:.3g} to {span['high']:.3g} {span['unit']}"
        cost = f"{f['cost_accuracy']:+.1%} [{f['cost_low']:+.1%}, {f['cost_high']:+.1%}]"
        yield f"| {f['name']} | {ends} | {f['verdict']} | {f['overlap']:.0%} | {span} | {cost} |"
    yield ""


def _verdicts(result: Mapping[str, Any]) -> Iterator[str]:
    yield "| group | how much it breaks | verdict | price of imposing it | p-value | overlap | evidence |"
    yield "|---|---|---|---|---|---|---|"
    for f in result["groups"]:
        ends = f"{f['breaking']:.1%} [{f['low']:.1%}, {f['high']:.1%}]"
        price = f"{f['price']:+.1%} [{f['price_low']:+.1%}, {f['price_high']:+.1%}]"
        yield (
            f"| {f['name']} | {ends} | {f['verdict']} | {price} | {f['p_adjusted']:.2g} | {f['overlap']:.0%} "
            f"| {f['evidence']} |"
        )
    yield ""


def section(table: Table, folder: Path) -> Iterator[str]:
    """One data set: asked, said, defended."""
    result, cost = ran(table, folder)
    yield f"## {table.title}"
    yield table.asked + "\n"
    yield f"- Command: `isotropy {' '.join(table.words)}`"
    yield f"- Cost: {cost['processor']:.0f} s of the processors, {cost['wall']:.0f} s by the clock.\n"
    if result is None:
        yield f"**Said:** {_refusal(folder / f'{table.name}.out')}\n"
    elif "learnt" not in result:
        yield f"**Said:** {result['recommendation']}.\n"
        wrong = f"networks err on {result['error']:.1%} of those that they have not seen"
        yield f"{result['data']['rows']:,} pictures; {wrong}.\n"
        yield from _of_pictures(result)
    else:
        learnt = result["learnt"]
        yield f"**Said:** {result['recommendation']}.\n"
        yield (
            f"{result['data']['rows']:,} rows, {result['data']['units']:,} independent units; the {learnt['learner']} "
            f"explains {learnt['explained']:.1%} of the variation on rows it has not seen.\n"
        )
        yield from _verdicts(result)
    yield f"**Why:** {table.defence}\n"


def _refusal(out: Path) -> str:
    """What was given and what was expected, as one sentence."""
    given, _, rest = " ".join(out.read_text().split()).partition("given ")[2].partition(" expected ")
    return f"refused: given {given}, expected {rest.replace(' instead ', '; ')}."


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    print(_HEAD)
    wanted = sys.argv[2:] or [table.name for table in TABLES]
    for table in (table for table in TABLES if table.name in wanted):
        print("\n".join(section(table, folder)))


if __name__ == "__main__":
    main()
