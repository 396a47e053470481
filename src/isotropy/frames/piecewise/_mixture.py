"""Partitions from votes: a mixture of equal balls, merged and pruned, with the exact derivative of where it ends."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from isotropy.errors import ConvergenceWarning, DomainError, DtypeError, ShapeError, counted
from isotropy.frames.piecewise._partition import Partition
from isotropy.linalg import Segments, farthest_points

_MOST = 2000
"""Steps after which a mixture that has not settled is told."""
_SETTLED = 1e-8
"""Of means, in standard deviations of a ball, and of weights: what a step may still move, in double precision."""
# Of an information matrix: directions below this share of the largest are those that no data decide.
_RANK = 1e-12


@dataclass(frozen=True, eq=False)
class Mixture:
    """Where the fit ended: ``means (K, 3)`` and ``weights (K,)`` of the balls that are left, cloud by cloud.

    ``residual`` is what the last step moved, ``delta`` the largest probability over clouds that some point belongs to
    another cell than the likeliest, ``delta_row`` the mean one of a point; ``of (K,)`` is the cloud of each ball.
    """

    means: Float[Tensor, "K 3"]
    weights: Float[Tensor, " K"]
    of: Int[Tensor, " K"]
    residual: float
    delta: float
    delta_row: float


class MixturePartition:
    """``mixture(votes (N, 3), segments)`` gives soft cells Q (N, K), the Partition of the likeliest, and the Mixture.

    The votes of each cloud are fitted by balls of one fixed ``variance``, in the square of their unit: up to ``k_max``
    centres are begun at the farthest points; of ``iters`` steps of expectation maximisation half pass before centres
    closer than ``merge_thr`` standard deviations are joined, three quarters before balls of weight below ``prune`` go.
    Then, with ``implicit``, steps go on until nothing moves. A larger variance makes coarser cells. Nothing is drawn,
    unless ``sample`` draws the cells from Q by ``generator`` (torch's own by default).

    With ``implicit`` Q, means and weights have the derivative of the fit that has settled, by the implicit function
    theorem: alpha = alpha~ + I^-1 (s(Y; alpha~) - s), s the score and I the observed information; without, they are
    constants. Raises DomainError for settings and votes that are no numbers, and where all balls were pruned; warns
    with ConvergenceWarning where the fit has not settled. Source: Atzmon et al., ICLR 2024, section 4 and appendix;
    joining by distance in place of their quartic, as specification 06 §2.6 and §2.7.

    >>> votes = torch.tensor([[0.0, 0, 0], [0.1, 0, 0], [4, 0, 0], [4, 0.1, 0], [4, 0, 0.1]], dtype=torch.float64)
    >>> Q, cells, found = MixturePartition(variance=0.05)(votes)
    >>> Q.shape, cells.labels.tolist(), [round(w, 3) for w in found.weights.tolist()], found.delta < 1e-6
    (torch.Size([5, 2]), [0, 0, 1, 1, 1], [0.4, 0.6], True)
    """

    def __init__(
        self,
        k_max: int = 40,
        variance: float = 1e-3,
        iters: int = 16,
        merge_thr: float = 1.0,
        prune: float = 1e-4,
        implicit: bool = True,
        sample: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        if k_max < 1 or iters < 1 or not variance > 0 or not merge_thr >= 0 or not 0 <= prune < 1:
            raise DomainError(
                f"k_max={k_max}, iters={iters}, variance={variance}, merge_thr={merge_thr}, prune={prune}",
                "k_max, iters >= 1, variance > 0, merge_thr >= 0 and 0 <= prune < 1",
            )
        self.k_max, self.variance, self.iters = k_max, variance, iters
        self.merge_thr, self.prune, self.implicit = merge_thr, prune, implicit
        self.sample, self.generator = sample, generator

    def __call__(
        self, votes: Tensor, segments: Segments | None = None
    ) -> tuple[Float[Tensor, "N K"], Partition, Mixture]:
        _check(votes, segments)
        clouds = Segments.one(len(votes), votes.device) if segments is None else segments
        y = votes.double()
        seeds, of = farthest_points(votes.detach(), self.k_max, clouds)
        centre = clouds.mean(y.detach())
        about, valid = clouds.pad(y - clouds.gather(centre))
        begun, alive = of.pad(y[seeds].detach() - centre[of.label])
        means, weights, alive, moved = self._fitted(about.detach(), valid, begun, alive)
        parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for cloud in range(clouds.count):
            own, mean, weight = about[cloud, valid[cloud]], means[cloud, alive[cloud]], weights[cloud, alive[cloud]]
            if self.implicit and votes.requires_grad:
                mean, weight = _with_derivative(own, mean, weight, self.variance)
            rows = clouds.order[clouds.ptr[cloud] : clouds.ptr[cloud + 1]]
            parts.append((rows, mean + centre[cloud], weight, _cells(own, mean, weight.log(), self.variance)))
        if self.implicit and moved > _SETTLED:
            warnings.warn(f"votes whose mixture has not settled: it still moves by {moved:.1e}", ConvergenceWarning, 2)
        return self._told(votes, clouds, parts, moved)

    def _fitted(
        self,
        y: Float[Tensor, "B n 3"],
        valid: Bool[Tensor, "B n"],
        means: Float[Tensor, "B K 3"],
        alive: Bool[Tensor, "B K"],
    ) -> tuple[Float[Tensor, "B K 3"], Float[Tensor, "B K"], Bool[Tensor, "B K"], float]:
        """Means, weights and which balls are left, of all clouds at once, each as if it were alone; what still moves.

        Balls that are gone have the weight 0."""
        weights, size = alive / alive.sum(1, keepdim=True).to(y), valid.sum(1)
        threshold = self.variance * self.merge_thr**2
        means, weights = _joined(means, weights, threshold)
        settled = torch.zeros_like(size, dtype=torch.bool)
        residual = torch.full_like(size, torch.inf, dtype=y.dtype)
        for step in range(self.iters + _MOST * self.implicit):
            if step == self.iters // 2:
                means, weights = _joined(means, weights, threshold)
            if step == 3 * self.iters // 4:
                weights = self._pruned(weights)
            Q = _cells(y, means, weights.log(), self.variance) * valid[:, :, None]
            mass = Q.sum(1)
            kept = mass > 0  # a ball so far from all votes that none belongs to it to rounding is no ball
            again = Q.mT @ y / mass.clamp_min(torch.finfo(y.dtype).tiny)[:, :, None]
            share = mass / size[:, None]
            far = torch.where(kept[:, :, None], (again - means) / self.variance**0.5, 0.0).abs().amax((1, 2))
            residual = torch.where(settled, residual, torch.maximum(far, (share - weights).abs().amax(1)))
            going = ~settled[:, None]
            means = torch.where((kept & going)[:, :, None], again, means)
            weights = torch.where(going, share / share.sum(1, keepdim=True), weights)
            settled |= (residual < _SETTLED / 10) & (step >= self.iters)
            if bool(settled.all()):
                break
        return means, weights, weights > 0, float(residual.max())

    def _pruned(self, weights: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
        alive = weights >= max(self.prune, torch.finfo(weights.dtype).tiny)
        if not bool(alive.any(1).all()):
            balls = counted(int((weights > 0).sum(1).max()), "ball")
            raise DomainError(f"{balls} of weight below prune={self.prune}", "one that is left", "prune=0")
        left = torch.where(alive, weights, 0.0)
        return left / left.sum(1, keepdim=True)

    def _told(
        self, votes: Tensor, clouds: Segments, parts: list[tuple[Tensor, Tensor, Tensor, Tensor]], moved: float
    ) -> tuple[Tensor, Partition, Mixture]:
        count = [len(means) for _, means, _, _ in parts]
        Q = votes.new_zeros(len(votes), sum(count))
        labels = torch.zeros_like(clouds.label)
        doubts, rows_doubt, start = [], [], 0
        for (rows, _, _, cells), size in zip(parts, count, strict=True):
            Q = Q.index_put((rows[:, None], torch.arange(start, start + size, device=Q.device)), cells.to(Q))
            # Of equal ones the first: argmax does not promise which.
            likeliest = cells.amax(1, keepdim=True)
            label = (cells == likeliest).long().argmax(1)
            if self.sample:
                label = torch.multinomial(cells.detach(), 1, generator=self.generator)[:, 0]
            labels = labels.index_put((rows,), label)
            doubts.append(-float(torch.expm1(likeliest.detach().log().sum())))
            rows_doubt.append(float((1 - likeliest.detach()).mean()))
            start += size
        means = torch.cat([means for _, means, _, _ in parts]).to(votes)
        weights = torch.cat([weights for _, _, weights, _ in parts]).to(votes)
        of = torch.arange(len(count), device=votes.device).repeat_interleave(torch.tensor(count, device=votes.device))
        found = Mixture(means, weights, of, moved, max(doubts), sum(rows_doubt) / len(rows_doubt))
        return Q, Partition(labels, clouds), found


def _cells(
    y: Float[Tensor, "*B n 3"], means: Float[Tensor, "*B K 3"], log_weights: Float[Tensor, "*B K"], variance: float
) -> Float[Tensor, "*B n K"]:
    """Q_ij, the probability that vote i comes from ball j."""
    # Of |y - m|^2 the square of y is the same for all balls. Votes are about their centroid: products lose no digits
    # that the distances need.
    of_ball = log_weights - means.square().sum(-1) / (2 * variance)
    return torch.softmax(of_ball[..., None, :] + y @ (means / variance).mT, -1)


def _joined(
    means: Float[Tensor, "B K 3"], weights: Float[Tensor, "B K"], threshold: float
) -> tuple[Float[Tensor, "B K 3"], Float[Tensor, "B K"]]:
    """Balls whose centres are closer than the threshold, squared, are one at their mean; chains of them too.

    One ball of each chain stays, the others have the weight 0."""
    K, there = means.shape[1], weights > 0
    near = (means[:, :, None] - means[:, None]).square().sum(-1) < threshold
    near &= there[:, :, None] & there[:, None]
    label = torch.arange(K, device=means.device).expand(weights.shape)
    while True:  # the least label of all that are near, until nothing changes: a component has the label of its first
        least = torch.where(near, label[:, None], K).amin(2).minimum(label)
        if bool(torch.equal(least, label)):
            break
        label = least
    mass = torch.zeros_like(weights).scatter_add(1, label, weights)
    total = torch.zeros_like(means).scatter_add(1, label[:, :, None].expand(means.shape), means * weights[:, :, None])
    return torch.where(
        mass[:, :, None] > 0, total / mass[:, :, None].clamp_min(torch.finfo(mass.dtype).tiny), means
    ), mass


def _with_derivative(
    y: Float[Tensor, "n 3"], means: Float[Tensor, "K 3"], weights: Float[Tensor, " K"], variance: float
) -> tuple[Tensor, Tensor]:
    """The same values, with d alpha / dY = I^-1 d s / dY: weights by their logits, of which a constant is free."""
    K = len(means)

    def score(at: Tensor, votes: Tensor) -> Tensor:
        mu, logits = at[: 3 * K].unflatten(0, (K, 3)), at[3 * K :]
        Q = _cells(votes, mu, torch.log_softmax(logits, 0), variance)
        by_mean = (Q.mT @ votes - Q.sum(0)[:, None] * mu) / (variance * len(votes))
        return torch.cat([by_mean.flatten(), Q.mean(0) - torch.softmax(logits, 0)])

    ended = torch.cat([means.flatten(), weights.log()])
    information = -torch.func.jacrev(score)(ended, y.detach())
    information = (information + information.mT) / 2
    s = score(ended, y)
    alpha = ended + torch.linalg.pinv(information, rtol=_RANK, hermitian=True) @ (s - s.detach())
    return alpha[: 3 * K].unflatten(0, (K, 3)), torch.softmax(alpha[3 * K :], 0)


def _check(votes: Tensor, segments: Segments | None) -> None:
    if votes.ndim != 2 or votes.shape[1] != 3 or not len(votes):
        raise ShapeError(f"votes of shape {tuple(votes.shape)}", "(N, 3), N > 0")
    if votes.dtype not in (torch.float32, torch.float64):
        raise DtypeError(f"votes of dtype {votes.dtype}", "float32 or float64", "votes.double()")
    if not bool(votes.isfinite().all()):
        row = int((~votes.isfinite()).any(1).nonzero()[0])
        raise DomainError(f"a vote that is not finite in row {row}", "finite ones")
    if segments is not None and (len(segments.label) != len(votes) or bool((segments.sizes == 0).any())):
        raise ShapeError(
            f"{counted(len(votes), 'vote')} in clouds of {segments.sizes.tolist()}", "a vote in each cloud"
        )
