"""The one training loop: seeds, checkpoints, metrics and devices for every model."""

from isotropy.data import Batches as Batches
from isotropy.data import Moved as Moved
from isotropy.train._fit import fit as fit
from isotropy.train._schedule import Cosine as Cosine
from isotropy.train._schedule import Schedule as Schedule
from isotropy.train._step import Step as Step
from isotropy.train._task import Task as Task
from isotropy.train._terms import DivergedError as DivergedError
from isotropy.train._writers import CSVMetrics as CSVMetrics
from isotropy.train._writers import History as History
from isotropy.train._writers import Row as Row
from isotropy.train._writers import TensorBoardMetrics as TensorBoardMetrics
from isotropy.train._writers import Writer as Writer
