"""Things seen by several cameras: the same classes in domains that differ, as features and as pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from isotropy.data._archive import open_archive
from isotropy.data._mirror import File, locate
from isotropy.data._rows import Rows
from isotropy.errors import SchemaError

_ORIGIN = (
    "the features and images folders of github.com/redhat12345/OfficeCaltechDomainAdaptation at commit "
    "74f70487e1b975d1af05bb9a2ecfbf14a7000080, repacked as one npz file"
)
OFFICE_FEATURES = File(
    "12-geometric-federated/office_caltech10_features.npz",
    "7529da8bc5e2cf9e2460722e4aa6a4ded37260222849acf7c4d37587b4b91432",
    _ORIGIN,
)
OFFICE_PICTURES = File(
    "12-geometric-federated/office_caltech10_jpeg64.npz",
    "91febfad69fc586c4c87b0fb067feb52d2bbf7a35612473da26719d20fbd0780",
    _ORIGIN,
)
_CLASSES = (
    "backpack",
    "bike",
    "calculator",
    "headphones",
    "keyboard",
    "laptop",
    "monitor",
    "mouse",
    "mug",
    "projector",
)
_DOMAINS = {"googlenet": ("amazon", "dslr", "webcam"), "surf": ("amazon", "caltech10", "dslr", "webcam")}


@dataclass(frozen=True, eq=False)
class Domains(Rows):
    """Rows ``x (n, ...)`` of classes ``y (n,)``, each from a ``domain (n,)``; both by number, with their names."""

    x: Tensor
    y: Int[Tensor, " n"]
    domain: Int[Tensor, " n"]
    classes: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()


def load_office_caltech(what: str = "googlenet") -> Domains:
    """Ten kinds of thing as shops and cameras show them (Office-Caltech-10), in 3 or 4 domains.

    "googlenet": features of GoogLeNet, (1410, 1024), of three domains; "surf": counts of visual words, (2533, 800), of
    four; "pictures": (2533, 3, 64, 64) of 8 bits, of four, for whoever has an encoder. Features are float32, as they
    were published (GoogLeNet's rounded to half precision). Raises SchemaError for another word and DataNotFoundError
    where the file is in no folder looked at. Source: Gong, Shi, Sha, Grauman, CVPR 2012; Saenko et al., ECCV 2010.
    """
    if what == "pictures":
        return _pictures()
    if what not in _DOMAINS:
        raise SchemaError(f"office-caltech as {what!r}", f"one of {', '.join((*_DOMAINS, 'pictures'))}")
    names = _DOMAINS[what]
    with open_archive(locate(OFFICE_FEATURES, of="office-caltech")) as file:
        x = [torch.from_numpy(file[f"{what}_{name}_x"].astype(np.float32)) for name in names]
        y = [torch.from_numpy(file[f"{what}_{name}_y"].astype(np.int64)) - 1 for name in names]
    of = torch.arange(len(names)).repeat_interleave(torch.tensor([len(part) for part in y]))
    return Domains(torch.cat(x), torch.cat(y), of, _CLASSES, names)


def _pictures() -> Domains:
    from PIL import Image

    with open_archive(locate(OFFICE_PICTURES, of="office-caltech")) as file:
        kept: dict[str, Any] = {name: file[name] for name in ("jpeg", "offsets", "label", "domain")}
    ends = kept["offsets"].tolist()
    raw = [kept["jpeg"][a:b].tobytes() for a, b in pairwise(ends)]
    x = np.stack([np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in raw])
    y, of = (torch.from_numpy(kept[name].astype(np.int64)) for name in ("label", "domain"))
    return Domains(torch.from_numpy(x).permute(0, 3, 1, 2).contiguous(), y, of, _CLASSES, _DOMAINS["surf"])
