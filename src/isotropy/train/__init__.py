"""The one training loop: seeds, checkpoints, metrics and devices for every model in the house."""

from isotropy.data import Batches, Moved
from isotropy.train._fit import fit
from isotropy.train._schedule import Cosine, Schedule
from isotropy.train._step import Step
from isotropy.train._task import Task
from isotropy.train._terms import DivergedError
from isotropy.train._writers import CSVMetrics, History, Row, TensorBoardMetrics, Writer

__all__ = [
    "Batches",
    "CSVMetrics",
    "Cosine",
    "DivergedError",
    "History",
    "Moved",
    "Row",
    "Schedule",
    "Step",
    "Task",
    "TensorBoardMetrics",
    "Writer",
    "fit",
]
