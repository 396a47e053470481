"""What every question has in common: the problem, its candidates, the door, the preparation, the run of a verb."""

from isotropy.study._candidates import Candidate as Candidate
from isotropy.study._candidates import CandidateLike as CandidateLike
from isotropy.study._candidates import candidates as candidates
from isotropy.study._candidates import subgroups as subgroups
from isotropy.study._door import dataset_of as dataset_of
from isotropy.study._door import problem_of as problem_of
from isotropy.study._preparation import Model as Model
from isotropy.study._preparation import Preparation as Preparation
from isotropy.study._problem import Problem as Problem
from isotropy.study._problem import penalised as penalised
from isotropy.study._verb import Answering as Answering
from isotropy.study._verb import answering as answering
from isotropy.study._verb import data_settings as data_settings
