"""A zoo of laws of physics: is there a verdict of ``discover`` that physics contradicts?"""

from isotropy.experiments.zoo._config import FULL, SMALL
from isotropy.experiments.zoo._config import Config as Config
from isotropy.experiments.zoo._judging import Look as Look
from isotropy.experiments.zoo._judging import Said as Said
from isotropy.experiments.zoo._judging import alarmed as alarmed
from isotropy.experiments.zoo._judging import misadvised as misadvised
from isotropy.experiments.zoo._judging import torn as torn
from isotropy.experiments.zoo._judging import wrong as wrong
from isotropy.experiments.zoo._looks import trials
from isotropy.experiments.zoo._result import CLAIMS
from isotropy.experiments.zoo._result import Zoo as Zoo
from isotropy.experiments.zoo._result import objections as objections
from isotropy.study import Experiment

ZOO: Experiment[Config, Zoo] = Experiment(
    name="zoo",
    paper="Laws of mechanics, electromagnetism, optics and relativity whose symmetries every textbook states",
    result=Zoo,
    small=SMALL,
    full=FULL,
    trials=trials,
    judge=CLAIMS,
)
