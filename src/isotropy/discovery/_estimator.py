"""The same engine behind scikit-learn's interface; without a discovery, kernel ridge regression on weighted rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor

from isotropy.data import LEAST_UNITS, named
from isotropy.discovery._discover import discover
from isotropy.discovery._kernel import KernelRidge
from isotropy.discovery._result import Discovery
from isotropy.discovery._verdicts import HOLDS
from isotropy.errors import FewRowsWarning, SchemaError, ShapeError, counted
from isotropy.groups import SO, Cubature, parse
from isotropy.optics import average
from isotropy.random import derive, spawn
from isotropy.reps import Schema
from isotropy.reps.parts import LEAST_ROWS
from isotropy.study import Candidate, Model, Preparation, Problem, dataset_of, listed, problem_of

_DEGREE = 4
_FEWEST = 4  # rows to fit a kernel on


class SymmetricRegressor(RegressorMixin, BaseEstimator):
    """Finds which of the ``groups`` hold in the training data, and predicts with the largest that does built in.

    ``X (n, p)`` and ``y (n, q)`` or ``(n,)`` are typed by ``types`` (a Schema or ``dict(x=..., y=...)``, which may name
    columns of a DataFrame; without ``y`` the targets are Scalars). Without types all columns are Scalars, on which no
    group acts: then nothing is looked for, and predictions are those of the kernel. So they are, after a
    ``FewRowsWarning``, where fewer than 50 rows or 8 clusters say nothing about a symmetry. ``tolerance``, ``quick``,
    ``seed``, ``noise`` and ``robust`` are those of ``discover``. After ``fit`` ``discovery_`` holds the findings (None
    where nothing was looked for) and ``group_`` the printed name of the group over which predictions are averaged (None
    where none holds, or where no exact average exists).

    >>> from isotropy.data import load
    >>> data = load("inertia", nu=0.0, n=120)
    >>> model = SymmetricRegressor(data.types, groups="O(3)", quick=True).fit(data.x.numpy(), data.y.numpy())
    >>> model.predict(data.x.numpy()).shape
    (120, 9)
    """

    def __init__(
        self,
        types: Any = None,
        groups: Any = None,
        *,
        tolerance: Any = 0.01,
        quick: Any = False,
        seed: Any = 0,
        noise: Any = None,
        robust: Any = False,
    ) -> None:
        # As all estimators do, this keeps whatever it is given; fit checks it.
        self.types = types
        self.groups = groups
        self.tolerance = tolerance
        self.quick = quick
        self.seed = seed
        self.noise = noise
        self.robust = robust

    def fit(
        self, X: Any, y: Any = None, cluster: Any = None, time: Any = None, sample_weight: Any = None
    ) -> SymmetricRegressor:
        """Discovers and trains; ``cluster (n,)`` labels the independent units, ``time (n,)`` orders a series.

        Without ``y`` the targets are those columns of the table ``X`` that the types name.

        ``sample_weight (n,)`` says how often each row counts in the model that predicts: a row of weight 2 counts as
        that row twice, one of weight 0 is left out of everything. The model is then a kernel. Verdicts, their intervals
        and p-values do not weigh rows: rows of any other weight count once each, because a copy of a row is no
        further evidence.
        """
        table = named(X)
        if y is None and table is not None:
            y = self._targets(table)
        self._names = () if table is None else table.names
        self._columns = () if table is None else self._named(table.names)
        X, y = validate_data(self, self._rows(X), cast(Any, y), dtype=np.float64, multi_output=True, y_numeric=True)
        if len(X) < _FEWEST:
            raise ShapeError(f"n_samples={len(X)}", f"at least {_FEWEST} rows", "give more data")
        self._flat = y.ndim == 1
        weight = None if sample_weight is None else torch.tensor(_check_sample_weight(sample_weight, X))
        y = np.asarray(y, np.float64).reshape(len(X), -1)
        self.discovery_: Discovery | None = None
        self.group_: str | None = None
        if self.types is None and self.groups is None:
            self._model = _fitted(torch.tensor(X), torch.tensor(y), weight, self.seed)
            return self
        self._types = self._typed(X.shape[1], y.shape[1])
        few = self._too_few(X, y, weight, cluster)
        if few:
            warnings.warn(f"{few} say nothing about a symmetry: fitted without one", FewRowsWarning, stacklevel=2)
            self._model = _fitted(torch.tensor(X), torch.tensor(y), weight, self.seed)
            return self
        self._discovered(X, y, weight, cluster, time)
        return self

    def _typed(self, p: int, q: int) -> Schema:
        """The types, with Scalars for what they leave out."""
        given = self.types or {"x": f"{p}*Scalar"}
        if isinstance(given, Mapping) and "y" not in given:
            given = {**given, "y": f"{q}*Scalar"}
        return Schema.of(given)

    def _targets(self, table: Any) -> Any:
        """The targets that the types name in a table; None where they name none, which scikit-learn then refuses."""
        listed = isinstance(self.types, Schema) or (isinstance(self.types, Mapping) and "y" in self.types)
        columns = (Schema.of(self.types).columns or {}).get("y", ()) if listed else ()
        if not columns:
            return None
        found = table.numbers(columns)
        return found[:, 0] if len(columns) == 1 else found

    def _too_few(self, X: Any, y: Any, weight: torch.Tensor | None, cluster: Any) -> str:
        """What there is too little of, empty where there is enough; refuses rows that are not of the types."""
        dataset = dataset_of(X, y, self._types, cluster)
        if self.groups is not None:
            listed(self.groups)
        if weight is not None:
            there = (weight > 0).numpy()
            if not there.all():
                X, y, cluster = X[there], y[there], cluster if cluster is None else np.asarray(cluster)[there]
                dataset = dataset_of(X, y, self._types, cluster) if len(X) else dataset
        if len(X) < LEAST_ROWS:
            return counted(len(X), "row")
        return counted(dataset.units, "cluster") if dataset.units < LEAST_UNITS else ""

    def _named(self, names: Sequence[str]) -> tuple[str, ...]:
        """The columns of inputs that the types name; where they name targets alone, the columns that are none."""
        named = {} if self.types is None else self._typed(1, 1).columns or {}
        missing = [name for name in named.get("x", ()) if name not in names]
        if missing:
            raise SchemaError(f"no column {missing[0]!r} in the table", f"one of {', '.join(names)}")
        targets = named.get("y", ())
        if not named.get("x") and any(name in targets for name in names):
            return tuple(name for name in names if name not in targets)
        return tuple(named.get("x", ()))

    def _rows(self, X: Any) -> Any:
        """Of a table the columns that the types name, whatever else it holds; a dictionary of columns in the order of
        the fit; the rest is scikit-learn's to read."""
        table = named(X)
        if table is not None and (self._columns or isinstance(X, Mapping)):
            return table.numbers(self._columns or self._names)
        return X

    def _discovered(self, X: Any, y: Any, weight: torch.Tensor | None, cluster: Any, time: Any) -> None:
        asked = X, y, self._types
        if weight is not None:
            rows = (weight > 0).numpy()
            asked = X[rows], y[rows], self._types
            cluster, time = (part if part is None else np.asarray(part)[rows] for part in (cluster, time))
        found = discover(
            *asked, groups=self.groups, cluster=cluster, time=time, tolerance=self.tolerance, quick=self.quick,
            seed=self.seed, noise=self.noise, robust=self.robust, progress=False,
        )  # fmt: skip
        self.discovery_ = found
        # "None seen" too: averaged is what the model has learnt, and nothing of that breaks the symmetry.
        holding = [f for f in found.groups if f.verdict in (*HOLDS, "none seen") and not f.imposed]
        self.group_ = next((str(parse(f.name)) for f in holding if Cubature.knows(parse(f.name))), None)
        self._model: Model | None = found.model
        if weight is not None:
            # Proposed groups may act on other types than the given ones; the scale of each column then does.
            named = self.groups is not None
            problem = problem_of(dataset_of(*asked, cluster), self.groups, None, self.seed) if named else None
            self._model = _fitted(torch.tensor(X), torch.tensor(y), weight, self.seed, problem)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predictions ``(n, q)``, or ``(n,)`` where the targets were one column."""
        check_is_fitted(self, "group_")
        X = validate_data(self, self._rows(X), dtype=np.float64, reset=False)
        rows, model = torch.tensor(X), self._model
        assert model is not None
        if self.group_ is not None:
            averaged = average(Cubature(parse(self.group_), _DEGREE), self._types.x, self._types.y).close(model)
        else:
            averaged = model
        with torch.no_grad():
            predicted = averaged(rows).numpy()
        return predicted[:, 0] if self._flat else predicted

    def __getstate__(self) -> dict[str, Any]:
        state = dict(cast(dict[str, Any], super().__getstate__()))
        found = state.get("discovery_")
        # The findings and the model travel; the training data, kept for pictures in the report, do not.
        return state | ({"discovery_": replace(found, samples=None)} if found is not None else {})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _fitted(
    x: Float[Tensor, "n p"],
    y: Float[Tensor, "n q"],
    weight: Float[Tensor, " n"] | None,
    seed: int,
    problem: Problem | None = None,
) -> Model:
    """A model of rows that count ``weight`` times: equal rows are one that counts as often, and no order matters.

    So a weight of two is a row that stands twice, and one of zero a row that is left out. Without a ``problem`` all
    columns are Scalars, which no group moves.
    """
    weight = torch.ones(len(x), dtype=torch.float64) if weight is None else weight
    kept = weight > 0
    rows, of = torch.unique(torch.cat([x, y], 1)[kept], dim=0, return_inverse=True)
    counts = torch.zeros(len(rows), dtype=torch.float64).index_add_(0, of, weight[kept])
    x, y = rows[:, : x.shape[1]].contiguous(), rows[:, x.shape[1] :].contiguous()
    unit = torch.arange(len(x))
    if problem is None:
        # Any group moves Scalars alike; one is named because a problem has candidates.
        types = Schema(x=f"{x.shape[1]}*Scalar", y=f"{y.shape[1]}*Scalar")
        problem = Problem(x, y, unit, types, (Candidate("SO(2)", SO(2)),), seed)
    problem = replace(problem, x=x, y=y, unit=unit, series=None)
    preparation = Preparation.fit(problem, x, y, by_part=True)
    equal = bool((counts == counts[0]).all())
    core = KernelRidge.fit(
        preparation.read(x),
        preparation.targets.apply(y),
        bodies=problem.bodies,
        generator=spawn(derive(seed, "weighted"), "kernel"),
        weight=None if equal else counts / counts.mean(),
    )
    return Model(preparation, core)
