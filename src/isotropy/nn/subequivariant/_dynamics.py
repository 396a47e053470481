"""Bodies made of particles under gravity: where will they be a frame later? Messages in objects and between them."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from isotropy.errors import DomainError, ShapeError, counted
from isotropy.linalg import Segments, neighbours
from isotropy.nn.subequivariant._linear import SubequivariantLinear
from isotropy.settings import Settled

_DOWN = (0.0, 0.0, -9.81)  # m/s^2
_READ = 2  # vectors that a contact tells its objects
_TOLD = 8  # numbers beside them


class Messages(nn.Module):
    """Messages along edges, their means at the target, and what a node makes of them (SGNN, equations 6 to 9)."""

    def __init__(self, vectors: int, scalars: int, edges: tuple[int, int], settings: dict[str, Any]) -> None:
        super().__init__()
        ev, es = edges
        self.message = SubequivariantLinear(2 * vectors + ev, 2 * scalars + es, vectors, scalars, **settings)
        self.update = SubequivariantLinear(2 * vectors, 2 * scalars, vectors, scalars, **settings)

    def forward(
        self,
        f: Float[Tensor, "nodes c 3"],
        s: Float[Tensor, "nodes h"],
        e: Float[Tensor, "edges ce 3"],
        es: Float[Tensor, "edges he"],
        edge: Int[Tensor, "2 edges"],
        g: Float[Tensor, "1 3"],
    ) -> tuple[Float[Tensor, "nodes c 3"], Float[Tensor, "nodes h"]]:
        i, j = edge[1], edge[0]
        m, n = self.message(torch.cat([f[i], f[j], e], -2), torch.cat([s[i], s[j], es], -1), g.expand(len(i), 1, 3))
        at = Segments(i, len(f))
        many = at.sizes.clamp(min=1)[:, None]  # a node that nobody writes to hears nothing
        m, n = at.sum(m) / many[..., None], at.sum(n) / many
        return self.update(torch.cat([f, m], -2), torch.cat([s, n], -1), g.expand(len(f), 1, 3))


class SubequivariantDynamics(Settled):
    """The velocities of particles a frame later, from where they are, how they move and which object they belong to.

    ``x (n, 3)`` in metres and ``v (n, 3)`` in metres a second go to the next velocities ``(n, 3)``. Objects whose
    particles come nearer to each other than ``radius`` exchange messages; what each object takes from its contacts,
    its particles are told together with their place in it. The scene may be turned about gravity, mirrored upright,
    moved sideways, particles and objects may be told in any order: the answer moves along. Heights above the ground
    (z = 0, the plane that ``gravity`` is normal to) are seen.

    - ``hidden``: numbers of a node, beside its vectors.
    - ``radius``: metres within which particles of two objects are in contact; those of one are neighbours within twice
      as many.
    - ``dt``: seconds of a frame.
    - ``norm``: "bounded" or "l2" as in SubequivariantLinear; the second has a scale symmetry that physics has not.
    - ``passes``: how often messages go round, with the same weights.

    Raises DomainError for gravity zero, ShapeError for objects of another length.

    Source: Han et al., Learning Physical Dynamics with Subequivariant Graph Neural Networks (NeurIPS 2022), section 4.

    >>> model = SubequivariantDynamics(hidden=8)
    >>> x, v = torch.rand(6, 3), torch.zeros(6, 3)
    >>> model(x, v, torch.tensor([0, 0, 0, 1, 1, 1])).shape
    torch.Size([6, 3])
    """

    def __init__(
        self, hidden: int = 32, radius: float = 0.1, dt: float = 1 / 60, norm: str = "bounded", passes: int = 2
    ) -> None:
        super().__init__()
        self._told = {"hidden": hidden, "radius": radius, "dt": dt, "norm": norm, "passes": passes}
        self.radius, self.dt, self.passes = radius, dt, passes
        settings: dict[str, Any] = {"norm": norm, "axial": 0}
        self.contact = SubequivariantLinear(5, 2, _READ, _TOLD, **settings)
        self.objects = Messages(1 + _READ, hidden, (_READ, _TOLD), settings)
        self.object_in = nn.Linear(1, hidden)
        self.particle_in = nn.Linear(hidden + 1, hidden)
        self.particles = Messages(_READ + 4, hidden, (1, 0), settings)

    def settings(self) -> dict[str, Any]:
        return self._told

    def forward(
        self,
        x: Float[Tensor, "n 3"],
        v: Float[Tensor, "n 3"],
        objects: Int[Tensor, " labels"],
        gravity: Float[Tensor, " 3"] | None = None,
    ) -> Float[Tensor, "n 3"]:
        g = x.new_tensor(_DOWN) if gravity is None else gravity.to(x)
        if not bool(g.norm() > 0):
            raise DomainError("gravity zero", "a direction that is down", "fixed=0 in layers of your own gives O(3)")
        if len(objects) != len(x):
            raise ShapeError(
                f"{counted(len(objects), 'label')} of objects for {counted(len(x), 'particle')}", "one for each"
            )
        _, label = objects.unique(return_inverse=True)
        of = Segments(label, int(label.max()) + 1)
        height = -(x @ g / g.norm())[:, None]
        F, s = self._objects(x, v, height, of, g[None])
        centre, pace = of.mean(x), of.mean(v)
        f = torch.cat([F[label], torch.stack([x - centre[label], v - pace[label], v], 1)], 1)
        h = self.particle_in(torch.cat([s[label], height], -1))
        edge = neighbours(x.detach(), radius=2 * self.radius, segments=of)
        e, none = (x[edge[0]] - x[edge[1]])[:, None], x.new_zeros(edge.shape[1], 0)
        for _ in range(self.passes):
            f, h = self.particles(f, h, e, none, edge, g[None])
        return v + self.dt * g + f[:, 0]

    def rollout(
        self,
        x: Float[Tensor, "n 3"],
        v: Float[Tensor, "n 3"],
        objects: Int[Tensor, " n"],
        steps: int,
        gravity: Float[Tensor, " 3"] | None = None,
    ) -> Float[Tensor, "steps n 3"]:
        """Where the particles are after each of so many frames."""
        path: list[Tensor] = []
        for _ in range(steps):
            v = self(x, v, objects, gravity)
            x = x + self.dt * v
            path.append(x)
        return torch.stack(path) if path else x.new_zeros(0, *x.shape)

    def _objects(
        self, x: Tensor, v: Tensor, height: Tensor, of: Segments, g: Float[Tensor, "1 3"]
    ) -> tuple[Float[Tensor, "objects c 3"], Float[Tensor, "objects h"]]:
        """What each object takes from its contacts: vectors, the first its own velocity, and numbers."""
        edge = neighbours(x.detach(), radius=self.radius)
        edge = edge[:, of.label[edge[0]] != of.label[edge[1]]]
        i, j = edge[1], edge[0]
        gap = x[j] - x[i]
        Z = torch.stack([gap, v[i], v[j], of.mean(v)[of.label[i]], of.mean(v)[of.label[j]]], 1)
        told, numbers = self.contact(Z, torch.cat([height[i], height[j]], -1), g.expand(len(i), 1, 3))
        pairs, which = torch.stack([of.label[j], of.label[i]]).unique(dim=1, return_inverse=True)
        between = Segments(which, pairs.shape[1])
        f = torch.cat([of.mean(v)[:, None], x.new_zeros(of.count, _READ, 3)], 1)
        s = self.object_in(of.mean(height))
        for _ in range(self.passes):
            f, s = self.objects(f, s, between.mean(told), between.mean(numbers), pairs, g)
        return torch.cat([of.mean(v)[:, None], f[:, 1:]], 1), s
