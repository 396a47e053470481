"""What a report of an experiment shows, declared on the keys of its lines: tables, bars, curves and points."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from isotropy.report import Bar, Bars, Block, Column, Curve, Curves, Points, Scatter, Table
from isotropy.study._published import Quoted
from isotropy.study._scores import Score, Scored, Show, Traced

_SEEDS = "The mean over seeds, the whisker from the lowest to the highest."


def numbers(caption: str = "", *, title: str = "Numbers of this run", section: str = "Numbers") -> Show:
    """Every line of the result, as a table."""

    def show(result: Scored) -> Iterator[Block]:
        yield replace(result.summary(), section=section, title=title, caption=caption, notes=(), name="numbers")

    return show


def quoted(result: Scored) -> Iterator[Block]:
    """Everything that others published, in a table of its own."""
    if result.published.rows:
        yield result.published.table


def grid(
    task: str,
    title: str,
    *,
    of: Literal["ours", "published"] = "ours",
    settings: Mapping[str, str] | None = None,
    cost: bool = True,
    first: str = "method",
    **block: Any,
) -> Show:
    """A table of one task as papers print them: a row for each method, a column for each setting.

    ``settings`` chooses columns and says their heads, and methods without any of them are left out; ``cost`` adds
    seeds, parameters and seconds; ``of`` "published" shows other people's numbers in the same form, as they are
    printed, ours as the result's ``number`` says. ``block``
    are section, caption and name.
    """

    def show(result: Scored) -> Iterator[Block]:
        lines: Sequence[Score | Quoted] = result.scores if of == "ours" else result.published.rows
        table = {(line.method, line.setting): line for line in lines if line.task == task}
        columns = settings or {setting: setting for _, setting in table}
        rows: list[list[Any]] = []
        for method in dict.fromkeys(method for method, _ in table):
            row = [table.get((method, setting)) for setting in columns]
            if any(line is not None for line in row):
                rows.append([method, *(line.mean if line else None for line in row), *(_cost(row) if costs else ())])
        if rows:
            heads = [Column(head, "number" if of == "published" else result.number) for head in columns.values()]
            yield Table([Column(first), *heads, *(_COST if costs else ())], rows, title=title, **block)

    costs = cost and of == "ours"
    return show


_COST = (
    Column("seeds", explain="where settings have different numbers of them, one after another"),
    Column("parameters", "number"),
    Column("CPU s", "number", explain="processor seconds of one training, one core"),
)


def _cost(row: Iterable[Any]) -> tuple[str, int, float]:
    lines = [line for line in row if line]
    seeds = dict.fromkeys(str(len(line.values)) for line in lines)
    return " / ".join(seeds), lines[0].parameters, lines[0].seconds


def bars(
    task: str,
    title: str,
    setting: str | Mapping[str, str] = "",
    *,
    unit: str = "",
    caption: str = _SEEDS,
    section: str = "Figures",
    **block: Any,
) -> Show:
    """A bar for each method of a task, with its range over seeds; of one ``setting``, of several and what they are
    called, or of all that have the ``unit``. A line that has a ``floor`` is marked with it.

    ``block`` is what `isotropy.report.Bars` takes: xlabel (the ``unit`` where there is none), scale, percent, name.
    """

    def show(result: Scored) -> Iterator[Block]:
        found: list[Bar] = []
        for line in result.lines(task):
            if unit and line.unit != unit:
                continue
            if not setting or (not isinstance(setting, str) and line.setting in setting):
                label = f"{line.method}, {setting[line.setting] if isinstance(setting, Mapping) else line.setting}"
            elif line.setting == setting:
                label = line.method
            else:
                continue
            found.append(Bar(label, line.mean, min(line.values), max(line.values), truth=result.floor(line)))
        if found:
            usual: dict[str, Any] = {"section": section, "title": title, "caption": caption, "xlabel": unit}
            yield Bars(found, interval_label="range over seeds", **(usual | block))

    return show


def curves(
    task: str,
    pattern: str,
    title: Callable[[re.Match[str]], str],
    *,
    xlabel: str,
    over: Literal["setting", "method"] = "setting",
    **block: Any,
) -> Show:
    """A curve for each method over the number that the group ``x`` of ``pattern`` finds in settings of the task; or,
    ``over`` methods, for each setting.

    ``title`` makes the title of a figure from the match: settings with the same one stand in the same figure. ``block``
    is what `isotropy.report.Curves` takes: section, ylabel, ylog, half.
    """

    def show(result: Scored) -> Iterator[Block]:
        figures: dict[str, dict[str, dict[float, float]]] = {}
        for line in result.lines(task):
            found, label = (line.setting, line.method) if over == "setting" else (line.method, line.setting)
            if match := re.fullmatch(pattern, found):
                figure = figures.setdefault(title(match), {})
                figure.setdefault(label, {})[float(match["x"])] = line.mean
        for name, methods in figures.items():
            lines = [Curve(method, list(points), list(points.values())) for method, points in methods.items()]
            yield Curves(lines, title=name, xlabel=xlabel, **block)

    return show


def traces(
    figure: str,
    x: str,
    title: str,
    columns: Mapping[str, str] | None = None,
    *,
    times: float = 1,
    shifted: bool = False,
    **block: Any,
) -> Show:
    """What trainings left for a ``figure``, over the column ``x``: a figure for each training, its name at the {} of
    ``title``, with a curve for each other column; or one for each of ``columns``, called by its unit in words there and
    on its axis, with a curve for each training.

    The first axis is called ``x``. Values are multiplied by so many ``times``; ``shifted`` ones are less the first. On
    a logarithmic axis only curves of positive numbers are drawn. ``block`` is what `isotropy.report.Curves` takes.
    """

    def show(result: Traced) -> Iterator[Block]:
        same = result.traced(figure)
        drawn = (
            [(name, called, [(trace, trace.name, name) for trace in same]) for name, called in columns.items()]
            if columns
            else [(i, one.name, [(one, name, name) for name in one.columns if name != x]) for i, one in enumerate(same)]
        )
        for key, called, lines in drawn:
            found: list[Curve] = []
            for trace, label, name in lines:
                start = trace.columns[name][0] if shifted else 0
                values = [times * (value - start) for value in trace.columns[name]]
                if min(values) > 0 or not block.get("ylog"):
                    found.append(Curve(label, trace.columns[x], values))
            if found:
                axes: dict[str, Any] = {"xlabel": x, "ylabel": called} if columns else {"xlabel": x}
                yield Curves(found, title=title.format(called), name=f"{figure}-{key}", **(axes | block))

    return show


def parity(figure: str, x: str, y: str, title: str, **block: Any) -> Show:
    """What trainings left for a ``figure``, column ``y`` against ``x``: a figure for each training, its name at the {}
    of ``title``, with a cloud of points for each of its sets, which stand in the name after the last comma.

    Points on the diagonal are right. ``block`` is what `isotropy.report.Scatter` takes.
    """

    def show(result: Traced) -> Iterator[Block]:
        trainings: dict[str, list[Points]] = {}
        for trace in result.traced(figure):
            training, _, some = trace.name.rpartition(", ")
            trainings.setdefault(training, []).append(Points(some, trace.columns[x], trace.columns[y]))
        for number, (training, clouds) in enumerate(trainings.items()):
            yield Scatter(clouds, title=title.format(training), diagonal=True, name=f"{figure}-{number}", **block)

    return show
