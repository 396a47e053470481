"""The same engine behind scikit-learn's interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from isotropy.discovery._discover import discover
from isotropy.discovery._result import Discovery
from isotropy.discovery._verdicts import HOLDS
from isotropy.groups import Cubature, Group, parse
from isotropy.measure import GivenNoise
from isotropy.optics import average
from isotropy.reps import Schema
from isotropy.study import CandidateLike

_DEGREE = 4


class SymmetricRegressor(RegressorMixin, BaseEstimator):
    """Finds which of the ``groups`` hold in the training data, and predicts with the largest that does built in.

    ``X (n, p)`` and ``y (n, q)`` or ``(n,)`` are typed by ``types`` (a Schema or ``dict(x=..., y=...)``);
    ``tolerance``, ``quick``, ``seed``, ``noise`` and ``robust`` are those of ``discover``. After ``fit`` ``discovery_``
    holds the findings and ``group_`` the printed name of the group over which predictions are averaged (None where none
    holds, or where no exact average exists).

    >>> from isotropy.data import load
    >>> data = load("inertia", nu=0.0, n=120)
    >>> model = SymmetricRegressor(data.types, groups="O(3)", quick=True).fit(data.x.numpy(), data.y.numpy())
    >>> model.predict(data.x.numpy()).shape
    (120, 9)
    """

    def __init__(
        self,
        types: Schema | Mapping[str, Any] | None = None,
        groups: str | CandidateLike | Sequence[CandidateLike] | None = None,
        *,
        tolerance: float = 0.01,
        quick: bool = False,
        seed: int = 0,
        noise: GivenNoise | str | None = None,
        robust: bool = False,
    ) -> None:
        self.types = types
        self.groups = groups
        self.tolerance = tolerance
        self.quick = quick
        self.seed = seed
        self.noise = noise
        self.robust = robust

    def fit(self, X: Any, y: Any, cluster: Any = None, time: Any = None) -> SymmetricRegressor:
        """Discovers and trains; ``cluster (n,)`` labels the independent units, ``time (n,)`` orders a series."""
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        found = discover(
            X, np.asarray(y, dtype=np.float64), self.types, groups=self.groups, cluster=cluster, time=time,
            tolerance=self.tolerance, quick=self.quick, seed=self.seed, noise=self.noise, robust=self.robust,
            progress=False,
        )  # fmt: skip
        self.discovery_: Discovery = found
        # "None seen" too: averaged is what the model has learnt, and nothing of that breaks the symmetry.
        holding = [f for f in found.groups if f.verdict in (*HOLDS, "none seen") and not f.imposed]
        built_in = next((parse(f.name) for f in holding if Cubature.knows(parse(f.name))), None)
        self.group_: str | None = None if built_in is None else str(built_in)
        self._predict = self._averaged(built_in)
        return self

    def _averaged(self, group: Group | None) -> Any:
        model = self.discovery_.model
        if group is None or model is None:
            return model
        types = Schema.of(self.types or {})
        return average(Cubature(group, _DEGREE), types.x, types.y).close(model)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predictions ``(n, q)``, or ``(n,)`` where the targets were one column."""
        check_is_fitted(self, "discovery_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        with torch.no_grad():
            predicted = self._predict(torch.from_numpy(X)).numpy()
        return predicted[:, 0] if self._flat else predicted
