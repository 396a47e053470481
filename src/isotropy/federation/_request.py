"""What a person asks for: the sites and their files, the algorithm, what may leave a site; read from one YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from torch import Tensor

from isotropy.data.parts import open_archive
from isotropy.errors import DomainError, SchemaError
from isotropy.federation._algorithms import Plan
from isotropy.federation._checks import checked, one_dtype, same_width
from isotropy.fields import from_json
from isotropy.storage import reading


@dataclass(frozen=True)
class ClientFile:
    """A site by its ``name``, and the .npz file of its ``features``: arrays x (n, p) and y (n,)."""

    name: str
    features: str


@dataclass(frozen=True)
class Filling:
    """How classes are filled up at each site: ``mode`` and ``target`` of ``GeometryGuidedAugmenter``."""

    mode: Literal["ggeur", "matched", "gaussian", "auto"] = "matched"
    target: int = 300


@dataclass(frozen=True)
class Privacy:
    """The budget of the statistics that leave a site, for rows within ``clip`` of the origin."""

    epsilon: float
    delta: float
    clip: float


@dataclass(frozen=True)
class Masking:
    """What sites tell the server they tell in sums only, statistics and weights: a row is within ``reach`` of the
    origin, as everybody knows."""

    reach: float


@dataclass(frozen=True)
class Request:
    """A federation as a file describes it.

    ``clients``, ``classes``, ``algorithm``, ``rounds``, ``local_epochs``, ``learning_rate``, ``batch_size`` and
    ``optimizer`` are as in ``federate``; ``augment``, ``privacy`` and ``secure_aggregation`` may be left out; classes
    of fewer than ``min_count`` rows do not leave a site, or in sums the sites together; ``held_out`` is the share of
    each class that a site keeps to judge by.
    """

    clients: tuple[ClientFile, ...]
    classes: int
    algorithm: str = "fedavg"
    rounds: int = 10
    local_epochs: int = 1
    learning_rate: float = 0.05
    batch_size: int | None = 32
    optimizer: str = "sgd"
    head: Literal["linear", "mlp"] = "linear"
    augment: Filling | None = None
    min_count: int = 10
    privacy: Privacy | None = None
    secure_aggregation: Masking | None = None
    held_out: float = 0.25

    def __post_init__(self) -> None:
        if not self.clients:
            raise DomainError("no clients", "at least one site, with name and features")
        names = [client.name for client in self.clients]
        if len(set(names)) != len(names):
            raise DomainError(f"the names {', '.join(names)}", "a name of its own for each site")
        if self.classes < 2 or self.rounds < 1 or self.min_count < 1 or not 0 < self.held_out < 1:
            given = (
                f"classes={self.classes}, rounds={self.rounds}, min_count={self.min_count}, held_out={self.held_out}"
            )
            raise DomainError(given, "two classes, a round, a row, and a share between 0 and 1, at least")
        if self.secure_aggregation is not None:
            self._check_masking(self.secure_aggregation)
        _ = self.plan

    def _check_masking(self, masking: Masking) -> None:
        if not 0 < masking.reach < float("inf"):
            raise DomainError(f"reach={masking.reach}", "a distance from the origin that no row exceeds")
        if len(self.clients) < 2:
            raise DomainError("secure_aggregation of one site", "two, at least", "a sum of one site is that site's")
        if self.privacy is not None:
            raise DomainError(
                "secure_aggregation and privacy", "one of them", "noise of each site has no bound that sums could have"
            )
        if self.augment is not None and self.augment.mode == "auto":
            raise DomainError(
                "secure_aggregation and mode: auto", "mode: matched, gaussian or ggeur",
                "what decides is statistics and counts of each site",
            )  # fmt: skip

    @property
    def plan(self) -> Plan:
        """What sites and server agree on."""
        return Plan(
            self.algorithm, self.local_epochs, self.learning_rate, self.batch_size, self.optimizer,
            min_count=self.min_count,
        )  # fmt: skip


def read_request(path: Path) -> Request:
    """The request in a YAML file; unknown keys are refused with the nearest known one.

    Raises SchemaError for what is no such file, DomainError for numbers outside of their range.
    """
    with reading(path, "a YAML file with clients and classes"):
        told: Any = yaml.safe_load(path.read_text())
    if not isinstance(told, Mapping):
        raise SchemaError(f"{path}, a {type(told).__name__}", "keys such as clients, classes, algorithm")
    return from_json(dict(told), Request, path.name)


def read_sites(request: Request, folder: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Rows and labels of each site; paths are relative to ``folder``. Raises SchemaError, or as the door does."""
    found = {client.name: read_site(request, folder, k) for k, client in enumerate(request.clients)}
    same_width({name: x.shape[1] for name, (x, _) in found.items()})
    return one_dtype(found)


def read_site(request: Request, folder: Path, site: int) -> tuple[Tensor, Tensor]:
    """Rows and labels of the site of that number, and of no other."""
    client = request.clients[site]
    path = folder / client.features
    if not path.is_file():
        raise SchemaError(f"no file {path} of {client.name}", "an .npz archive with arrays x and y")
    with open_archive(path) as archive:
        missing = [name for name in ("x", "y") if name not in archive.files]
        if missing:
            raise SchemaError(f"{path.name} of {client.name} without {' and '.join(missing)}", "arrays x and y")
        x, y = (torch.from_numpy(archive[name]) for name in ("x", "y"))
    x, y = checked(x, y, request.classes, client.name)
    if not len(x):
        raise DomainError(f"no rows in {path.name} of {client.name}", "at least one", "leave out a site without rows")
    return x, y
