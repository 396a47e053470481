"""Matrix products inside subgraphs: what a linear map of pairs cannot do, walks from i over k to j."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from isotropy.errors import ShapeError
from isotropy.nn.subgraph._subgraphs import Subgraphs


def local_product(A: Float[Tensor, "M2 C"], B: Float[Tensor, "M2 C"], subgraphs: Subgraphs) -> Float[Tensor, "M2 C"]:
    """``O_ij = (1/m) sum_k A_ik B_kj`` in each subgraph, channel by channel; subgraphs of one size at a time.

    Raises ShapeError for features that are not of the same pairs. Source: Maron et al., NeurIPS 2019 (PPGN), there on
    whole graphs: n^3 operations, here the sum of m^3.

    >>> triangle = Subgraphs.from_graph(torch.tensor([[0, 1, 2], [1, 2, 0]]), None, policy=lambda links, batch: (
    ...     torch.arange(3), torch.zeros(3, dtype=torch.int64)))
    >>> ones = torch.ones(9, 1)
    >>> local_product(ones, 2 * ones, triangle)[:, 0].tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """
    if A.shape != B.shape or len(A) != len(subgraphs.row):
        raise ShapeError(f"A {tuple(A.shape)} and B {tuple(B.shape)}", f"both ({len(subgraphs.row)}, C)")
    parts: list[Tensor] = []
    for m in subgraphs.by_size:
        pairs = subgraphs.pairs_of_size(m).flatten()
        left, right = (x.index_select(0, pairs).reshape(-1, m, m, x.shape[1]).movedim(-1, 1) for x in (A, B))
        parts.append((left @ right / max(m, 1)).movedim(1, -1).reshape(-1, A.shape[1]))
    if not parts:
        return torch.zeros_like(A)
    return torch.cat(parts).index_select(0, subgraphs.size_order)
