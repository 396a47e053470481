"""The answer of the experiment: the published table, the honest one beside it, and sentences with their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from isotropy.experiments.varying_speed_of_light._config import (
    BINS,
    EVIDENCE,
    FREE,
    LCDM,
    OTHERS,
    PEAKS,
    PLAIN,
    SAMPLES,
    TABLE,
    VSL,
)
from isotropy.physics.cosmology import DilatonVSL
from isotropy.physics.supernovae import SCALE, strength
from isotropy.report import Block, Column, Corner, Curve, Curves, Marked, Points, Scatter, Table, Text
from isotropy.study import Published, Trace, Traced, numbers, quoted

MODELS = (VSL, LCDM, PLAIN)


def _value(result: Any, task: str, setting: str, method: str) -> float | None:
    try:
        return float(result.score(task, setting, method).mean)
    except KeyError:
        return None


def sentences(result: Any) -> Iterator[Block]:
    """What has to be said beside the table, each sentence with a number of this run."""
    read = lambda *key: _value(result, *key)  # noqa: E731
    said: list[str] = []
    h0, chi2n, dof = (read(TABLE, s, VSL) for s in ("H0 at M = -19.35", "chi2 / N", "chi2 / (N - k)"))
    if h0 is not None and chi2n is not None and dof is not None:
        said += [
            f"H0 needs M: {h0:.2f} km/s/Mpc at M = -19.35 would be {h0 * 10**0.02:.2f} at M = -19.25; supernovae alone "
            "do not say which.",
            f"chi2 / N is not chi2 / dof: {chi2n:.5f} against {dof:.5f}, and neither is called better on it.",
        ]
    gain, modes = read(FREE, "gain in chi2", "pantheon, stat"), read(FREE, "modes", "pantheon, stat")
    low, high = (read(FREE, f"H0, {q} %", "pantheon, stat") for q in ("2.5", "97.5"))
    if gain is not None and modes is not None and low is not None and high is not None:
        said.append(
            f"b1 and b2 were fixed by hand, after looking at the data: free, chi2 falls by {gain:.2f} more, there are "
            f"{modes:.0f} modes, and H0 at M = -19.35 lies between {low:.1f} and {high:.1f} (95 % of the posterior)."
        )
    off = read(PEAKS, "peaks off those of flat LambdaCDM, the worst", "matter alone")
    if off is not None:
        said.append(
            f"The microwave background: peaks of matter alone with a broken primordial spectrum are within "
            f"{100 * off:.1f} % of those of flat LambdaCDM. The code assumes constant c and temperatures as 1/a: that "
            "a varying speed of light is consistent with it is not shown."
        )
    differences = {m: read(EVIDENCE, "ln Z, VSL with F(z) above flat LambdaCDM", m) for m in map(", ".join, SAMPLES)}
    one, other = differences["pantheon-binned, stat"], differences["pantheon-binned, stat+sys"]
    if one is not None and other is not None:
        said.append(
            f"Statistical errors only: on the bins ln Z of the paper's model is {one:+.2f} above flat LambdaCDM "
            f"without the systematic covariance and {other:+.2f} with it ({strength(other)})."
        )
    same = read(TABLE, "chi2 apart from R_h = ct", PLAIN)
    if same is not None:
        said.append(
            f"F = 1 has the distances of R_h = ct, up to a constant that the offset absorbs: chi2 differs by "
            f"{same:.1e}."
        )
    plus, des = (read(OTHERS, f"{s}, stat: chi2 / N", LCDM) for s in ("pantheon-plus", "des-5yr"))
    if plus is not None and des is not None:
        said.append(
            f"Diagonal errors: those of Pantheon+ and DES are not meant for cosmology (chi2 / N = {plus:.3f} and "
            f"{des:.3f} for flat LambdaCDM); their rows show what the files give, not what the surveys say."
        )
    if said:
        yield Text("\n".join(f"- {one}" for one in said), title="Read with care", style="note", section="Verdict")
    rows = [(m, d, _word(d)) for m, d in differences.items() if d is not None]
    if rows:
        columns = (Column("sample"), Column("ln Z, VSL with F(z) less flat LambdaCDM", "number"), Column("in words"))
        yield Table(columns, rows, section="Verdict", title="What the evidence says", caption=SCALE, name="verdict")


def _word(difference: float) -> str:
    word = strength(difference)
    if word.startswith("not"):
        return word
    return f"{word}, for {'VSL with b1 = b2 = 2 fixed by hand' if difference > 0 else 'flat LambdaCDM'}"


def honest(result: Any) -> Iterator[Block]:
    """The table of all samples: what is claimed, and what the data say."""
    heads = ("chi2", "chi2 / N", "chi2 / (N - k)", "AIC", "BIC", "ln Z", "F_inf", "Om", "H0 at M = -19.35")
    rows: list[list[Any]] = []
    for sample, cov in SAMPLES:
        first = (sample, cov) == SAMPLES[0]
        for model in MODELS:
            task, start = (TABLE, "") if first else (OTHERS, f"{sample}, {cov}: ")
            found = [_value(result, task, start + head, model) for head in heads]
            if found[0] is not None:
                fixed = {VSL: "b1 = b2 = 2, fixed after looking at the data", PLAIN: "F_inf = 1"}.get(model, "")
                rows.append([f"{sample}, {cov}", model, *found, fixed])
    if rows:
        columns = [Column("sample"), Column("model"), *(Column(head, "number") for head in heads), Column("fixed")]
        yield Table(columns, rows, section="Tables", title="The same fits on every sample",
                    caption="k counts the free parameters and the offset.", name="honest")  # fmt: skip


def hubble(result: Any) -> Iterator[Block]:
    """Magnitudes of models and data, and below what is left of them without F = 1: one figure for each sample."""
    for data in result.traced("points"):
        lines = [t for t in result.traced("lines") if t.name.startswith(f"{data.name}|")]
        m, sd = data.columns["m"], data.columns["sd"]
        low, high = [a - b for a, b in zip(m, sd, strict=True)], [a + b for a, b in zip(m, sd, strict=True)]
        raised = [_raised(one.columns["z"], one.columns["m"]) for one in (*lines, data)]
        names = [t.name.partition("|")[2] for t in lines]
        yield Curves(
            [Curve(name, t.columns["z"], t.columns["m"]) for name, t in zip(names, lines, strict=True)],
            points=[Points("binned medians", data.columns["z"], m, low, high)], xlog=True, xlabel="redshift",
            ylabel="less 5 log10 of the distance of F = 1", section="Hubble diagrams", title=data.name,
            above=Curves([Curve(name, t.columns["z"], y) for name, t, y in zip(names, lines, raised, strict=False)],
                         points=[Points("binned medians", data.columns["z"], raised[-1])], xlog=True,
                         ylabel="magnitude"),
            caption="Medians in bins of ln z, 68 % intervals; the offset of each model is its best.", half=True,
            name=f"hubble-{data.name.replace(', ', '-').replace('+', '-')}",
        )  # fmt: skip


def _raised(z: Sequence[float], m: Sequence[float]) -> list[float]:
    """Magnitudes, from what lies above 5 log10 of the distance of F = 1."""
    distance = DilatonVSL(1.0).dl_hat(torch.tensor(z, dtype=torch.float64))[0]
    return (torch.tensor(m, dtype=torch.float64) + 5 * distance.log10()).tolist()


def corner(result: Any) -> Iterator[Block]:
    """The posterior of F_inf, b1, b2 and H0 in pairs, with every mode and the published point."""
    hand = {trace.name: trace for trace in result.traced("by hand")}
    modes = {trace.name: trace for trace in result.traced("modes")}
    keys = ("F_inf", "b1", "b2", "H0")
    for draws in result.traced("draws"):
        named, point = modes[draws.name].columns, hand[draws.name].columns
        rows = list(zip(*(named[key] for key in (*keys, "chi2")), strict=True))
        marked = [Marked(f"mode {i}: chi2 {row[-1]:+.2f}", row[:-1], "broken") for i, row in enumerate(rows, start=1)]
        published = [(row.task, row.setting, row.method, row.number) for row in result.published.rows]
        told = {setting: number for task, setting, method, number in published if (task, method) == (TABLE, VSL)}
        if draws.name == "pantheon, stat":
            printed = (told["F_inf"], 2.0, 2.0, told["H0 at M = -19.35"])
            marked.append(Marked("published: b1 = b2 = 2", printed, "holds"))
        else:
            marked.append(Marked("b1 = b2 = 2", [point[key][0] for key in keys], "holds"))
        short = draws.name.split(",")[0]
        yield Corner(
            (*keys[:3], "H0 at M = -19.35"), [draws.columns[key] for key in keys], marked, section="b1 and b2 free",
            title=f"{draws.name}: the whole posterior", name=f"corner-{short}",
            caption="Draws by quadrature over the priors F_inf in (0.8, 1.1), b1 and b2 in (0, 6); modes are minima of "
            "chi2, told above the best.",
        )  # fmt: skip
        columns = [Column(key if key != "chi2" else "chi2 above the best", "number") for key in (*keys, "chi2")]
        yield Table([Column("mode"), *columns], [(str(i + 1), *row) for i, row in enumerate(rows)],
                    section="b1 and b2 free", title=f"Modes, {draws.name}", name=f"modes-{short}")  # fmt: skip


def rates(result: Any) -> Iterator[Block]:
    """H0 of each redshift bin, against the curve of the fitted F."""
    for data in result.traced("rates"):
        line = next(trace for trace in result.traced("H0_eff") if trace.name == data.name)
        c = data.columns
        yield Curves(
            [Curve("H0_eff(z) of the fitted F", line.columns["z"], line.columns["h0"])],
            points=[Points("F = 1 in each bin", c["z"], c["h0"], c["low"], c["high"])], xlog=True, xlabel="redshift",
            ylabel="H0 at M = -19.35, km/s/Mpc", section=BINS, title="H0 by redshift",
            caption="68 % intervals, statistical errors, M known.", name="rates",
        )  # fmt: skip


def background(result: Any) -> Iterator[Block]:
    """Spectra of the microwave background of both universes, in units of their first peak."""
    lines = [Curve(t.name, t.columns["l"], t.columns["D"]) for t in result.traced("background")]
    if lines:
        yield Curves(
            lines, xlabel="multipole l", ylabel="temperature spectrum over its first peak", title="Peaks",
            section="Microwave background", name="background",
            caption="By camb, which assumes constant c and temperatures as 1/a.",
        )  # fmt: skip


def ridge(result: Any) -> Iterator[Block]:
    """Draws of (mu, zeta) with the field that was found, and the singular values with their names."""
    clouds = [Points(t.name, t.columns["mu"], t.columns["zeta"]) for t in result.traced("ridge")]
    for found in result.traced("arrows"):
        columns: Sequence[Sequence[float]] = [found.columns[key] for key in ("x", "y", "to_x", "to_y")]  # type: ignore[misc]
        arrows = list(zip(*columns, strict=True))
        yield Scatter(clouds, arrows=arrows, xlabel="mu", ylabel="zeta", section="Symmetries of the parameters",
                      title="The ridge, and the field along it", name="ridge")  # fmt: skip
    rows: list[tuple[Any, ...]] = []
    for trace in result.traced("spectrum"):
        values = trace.columns["value"]
        top = max(values)
        kinds = ["exact" if v < 1e-6 * top else "sloppy" if v < 0.05 * top else "measured" for v in values]
        for i, (value, kind) in enumerate(zip(values, kinds, strict=True)):
            rows.append((trace.name, kind, value, _parts(trace, i)))
        ticks = [f"{kind}: {_parts(trace, i, 0.3)}" for i, kind in enumerate(kinds)]
        ranks = list(range(len(values)))
        yield Scatter(
            [Points("singular values", ranks, [max(v, 1e-17 * top) for v in values])], ylog=True, ticks=ticks,
            ylabel="standard deviations per unit step", section="Symmetries of the parameters",
            title=f"Spectrum of {trace.name}", name=f"spectrum-{trace.name.replace(', ', '-')}",
        )  # fmt: skip
    if rows:
        columns_ = (Column("parameters"), Column("direction"), Column("singular value", "number"), Column("parts"))
        yield Table(columns_, rows, section="Symmetries of the parameters", title="What the data see",
                    caption="Standard deviations per unit step, the offset projected out; for F_inf, b1, b2 in units "
                    "of their priors. Exact: below 1e-6 of the largest; sloppy: below 5 %.",
                    name="spectrum")  # fmt: skip


def _parts(trace: Trace, number: int, least: float = 0.0) -> str:
    """A direction in words: its components of ``least`` size at least."""
    found = [(name, column[number]) for name, column in trace.columns.items() if name != "value"]
    # A value stays on the line of its name.
    return " ".join(f"{value:+.2f}\N{NO-BREAK SPACE}{name}" for name, value in found if abs(value) >= least)


@dataclass(frozen=True, kw_only=True)
class VaryingSpeedOfLight(Traced):
    """The paper's table and what the data say of its model with full statistics (07 §4)."""

    kind: ClassVar[str] = "varying_speed_of_light"
    heading = "A varying speed of light and the supernovae"
    shown = (sentences, honest, hubble, corner, rates, background, ridge, numbers("All numbers of this run."), quoted)
    published = Published.read(
        __name__,
        "[seen]: read in a source; [recalled]: from memory of the paper, not read again. Statistical errors, "
        "M = -19.35, chi2 divided by N. The model is a minority view; it is tried here, not advertised.",
    )
