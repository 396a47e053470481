"""Split invariant-equivariant representations, reproduced on pictures made here (Garrido et al., ICML 2023)."""

from isotropy.experiments.split_representation._claims import claims
from isotropy.experiments.split_representation._config import Config, Latent, Pictures, Training
from isotropy.experiments.split_representation._result import SplitRepresentation
from isotropy.experiments.split_representation._training import METHOD
from isotropy.experiments.split_representation._trials import trials
from isotropy.represent import METHODS
from isotropy.study import Experiment

# 55 x 950 objects in 50 views of 256 x 256: 514 GB of pictures a seed, in the folder. Where they do not fit, the first
# training refuses before a picture is drawn.
FULL = Config(
    level=2, seeds=3,
    methods=("split", "split-exact", "split-mlp", *(name for name in METHODS if name != "split")),
    pictures=Pictures(families=55, instances=950, views=50, size=256, folder="3diebench-made"),
    training=Training(
        steps=82_000, batch=1024, embedding=1024, backbone="resnet18", probe_width=1024, probe_epochs=300,
    ),
    splits=(128, 384),
)  # fmt: skip

SPLIT_REPRESENTATION = Experiment(
    "split-representation",
    "Garrido, Najman, LeCun, Self-supervised learning of split invariant equivariant representations, ICML 2023",
    SplitRepresentation,
    Config(),
    FULL,
    trials,
    claims,
)

__all__ = [
    "FULL", "METHOD", "SPLIT_REPRESENTATION", "Config", "Latent", "Pictures", "SplitRepresentation", "Training",
    "claims", "trials",
]  # fmt: skip
