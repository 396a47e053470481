"""The verbs of scikit-learn for a module that turns clouds into clouds and learns nothing."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import nn

from isotropy.errors import DtypeError, SchemaError, ShapeError
from isotropy.linalg import Segments
from isotropy.modes import evaluating

if TYPE_CHECKING:
    from sklearn.utils import Tags


class CloudTransformer:
    """``fit``, ``transform``, ``fit_transform`` on numpy clouds ``(clouds, n, d)``, or a list of ``(n_i, d)``.

    An array comes out as an array and a list as a list, in their dtype, without gradients, always as in eval mode, so
    that equal clouds have equal coordinates. Raises ShapeError and
    DtypeError for other input. Works in Pipelines, searches and `clone`.

    >>> from isotropy.frames.coordinates._invariant import InvariantCoordinates
    >>> clouds = np.random.default_rng(0).normal(size=(5, 7, 3))
    >>> InvariantCoordinates().fit_transform(clouds).shape
    (5, 7, 3)
    """

    def fit(self, X: Any, y: Any = None) -> CloudTransformer:
        """Nothing is learned."""
        return self

    def transform(self, X: Any) -> Any:
        """Coordinates of the clouds ``X``, an array (clouds, n, d) or a list of arrays (n_i, d)."""
        if isinstance(X, np.ndarray):
            if X.ndim != 3:
                raise ShapeError(f"X of shape {X.shape}", "(clouds, n, d)", "or a list of arrays (n_i, d)")
            return self._applied(X, None)
        clouds = [np.asarray(cloud) for cloud in X]
        shapes = {cloud.shape[1:] for cloud in clouds}
        if not clouds or len(shapes) > 1 or any(cloud.ndim != 2 for cloud in clouds):
            given = [cloud.shape for cloud in clouds[:3]]
            raise ShapeError(f"clouds of shapes {given}", "a list of arrays (n_i, d) of one d")
        sizes = [len(cloud) for cloud in clouds]
        found = self._applied(np.concatenate(clouds), Segments.from_sizes(torch.tensor(sizes)))
        return np.split(found, np.cumsum(sizes)[:-1])

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """The same as ``transform``."""
        return self.fit(X, y).transform(X)

    def _applied(self, X: Any, segments: Segments | None) -> Any:
        if X.dtype.name not in ("float32", "float64"):
            raise DtypeError(f"coordinates of dtype {X.dtype}", "float32 or float64", "X.astype(float)")
        module = cast("nn.Module", self)
        with evaluating(module), torch.no_grad():  # what is drawn while a network trains has no place here
            return module(torch.from_numpy(np.ascontiguousarray(X)), segments)[0].numpy()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments that it was made with."""
        return {
            name: getattr(self, name) for name in inspect.signature(type(self).__init__).parameters if name != "self"
        }

    def set_params(self, **params: Any) -> CloudTransformer:
        """Change arguments; raises SchemaError for one that does not exist."""
        known = self.get_params()
        unknown = [name for name in params if name not in known]
        if unknown:
            raise SchemaError(f"the parameter {unknown[0]!r}", f"one of {', '.join(known)}")
        # Made anew, so that each value meets the checks of the constructor.
        type(self).__init__(self, **{**known, **params})
        return self

    def __sklearn_tags__(self) -> Tags:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(two_d_array=False, three_d_array=True),
            requires_fit=False,
        )
