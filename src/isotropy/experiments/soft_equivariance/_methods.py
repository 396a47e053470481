"""Which methods are compared on a setting, and how their outcomes become rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from isotropy.experiments.soft_equivariance._config import Plan
from isotropy.study import Score


@dataclass(frozen=True)
class Method:
    """A line of the table: the key of a builder, its argument (a group, a strength, or nothing), and its name.

    >>> Method("emlp", "O(3)").name
    'EMLP O(3)'
    """

    key: str
    argument: str = ""

    @property
    def name(self) -> str:
        return _NAMES[self.key].format(self.argument)


_NAMES = {
    "mlp": "MLP",
    "augmented": "MLP + augmentation",
    "emlp": "EMLP {}",
    "rpp": "RPP",
    "free": "SoftEMLP, no penalty",
    "ratio": "PER, start {}",
    "evidence": "ours (evidence)",
}
EXACT = 1e-9  # closed forms leave rounding
VALIDATION = ", validation rows"
ROWS = {"": "test", VALIDATION: "validation", ", training rows": "train"}
"""What is added to a setting where errors are not those of test rows, and what a training calls them."""


def methods(truth: Mapping[str, float], plan: Plan) -> tuple[Method, ...]:
    """All methods for candidates with known breaking (largest first); augmentation and RPP use the largest group.

    Exact networks are built for the largest candidate and, where that one is broken, for those that are not (oracles).

    >>> [method.name for method in methods({"O(3)": 0.6, "O(2)@z": 0.0, "O(2)@x": 0.4}, Plan())][:4]
    ['MLP', 'MLP + augmentation', 'EMLP O(3)', 'EMLP O(2)@z']
    """
    largest = next(iter(truth))
    return (
        Method("mlp"),
        Method("augmented", largest),
        *(Method("emlp", group) for group in dict.fromkeys((largest, *oracles(truth)))),
        Method("rpp", largest),
        Method("free"),
        *(Method("ratio", f"{start:g}") for start in plan.starts),
        Method("evidence"),
    )


def oracles(truth: Mapping[str, float]) -> tuple[str, ...]:
    """The unbroken candidates; the largest alone where it holds, since it contains the others.

    >>> oracles({"O(3)": 0.6, "O(2)@z": 0.0}), oracles({"O(3)": 0.0, "O(2)@z": 0.0})
    (('O(2)@z',), ('O(3)',))
    """
    exact = tuple(group for group, breaking in truth.items() if breaking < EXACT)
    largest = next(iter(truth))
    return (largest,) if largest in exact else exact


def validated(setting: str, lines: Mapping[tuple[str, str], Score]) -> tuple[tuple[str, ...], list[Score]]:
    """For each seed the start of PER with the lowest validation error; and PER, at the price of all these trainings.

    ``lines`` are by setting and method. Nothing is chosen where none of them is a start.
    """
    begin = _NAMES["ratio"].format("")
    starts = [name for where, name in lines if where == setting and name.startswith(begin)]
    errors = zip(*(lines[setting + VALIDATION, start].values for start in starts), strict=True)
    chosen = [starts[each.index(min(each))] for each in errors]
    seconds = sum(lines[setting, start].seconds for start in starts)
    best: list[Score] = []
    for where in [setting + rows for rows in ROWS] if chosen else ():
        values = tuple(lines[where, start].values[seed] for seed, start in enumerate(chosen))
        best.append(replace(lines[where, chosen[0]], method="PER", values=values, seconds=seconds))
    return tuple(name.removeprefix(begin) for name in chosen), best
