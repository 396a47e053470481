"""Tables without a symmetry, which scikit-learn ships: what is asked of them is to be answered with no."""

from dataclasses import dataclass

import numpy as np
import torch

from isotropy.data._dataset import Dataset, Recipe
from isotropy.data._mirror import SHIPPED, File
from isotropy.reps import Schema

DIABETES = (
    File("data/diabetes_data_raw.csv.gz", "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009", *SHIPPED),
    File("data/diabetes_target.csv.gz", "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803", *SHIPPED),
)
LINNERUD = (
    File("data/linnerud_exercise.csv", "cb8d8c24937643fa2459682efb86c5e667bcd6dd93109eef81964d9e9f11bf8c", *SHIPPED),
    File(
        "data/linnerud_physiological.csv", "2bf7e05c1cd7d0adf0eca1e456941f624bed0a4fc96694d60d0ff7853ec5fcf7", *SHIPPED
    ),
)


@dataclass(frozen=True, kw_only=True)
class Diabetes(Recipe):
    """442 patients: ten measurements in the units of the paper, and how far the disease went on in a year.

    >>> data = Diabetes().dataset()
    >>> data.rows, data.x.shape[1], float(data.y.max())
    (442, 10, 346.0)
    """

    name = "diabetes"
    title = "Progression of diabetes"
    story = (
        "How far diabetes went on in a year, from age, sex, body mass, blood pressure and six blood values. Nothing "
        "about it is symmetric: cholesterol and sugar are not one another's images. A negative control, in which "
        "whoever takes the six blood values for interchangeable should be told so."
    )
    source = (
        "Efron, Hastie, Johnstone and Tibshirani, Least angle regression, Annals of Statistics 32, 2004, as shipped by "
        "scikit-learn (sklearn.datasets.load_diabetes)"
    )
    licence = "BSD 3-clause, as scikit-learn; data published with the paper"
    groups = ("S(6)",)
    types = Schema(
        x='Scalar("age") + Scalar("sex") + Scalar("body mass") + Scalar("blood pressure") + Nodes("serum")',
        y='Scalar("progression")',
        dims={"nodes": 6},
    )

    def dataset(self) -> Dataset:
        """All patients."""
        from sklearn.datasets import load_diabetes

        x, y = (torch.from_numpy(np.asarray(part, float)) for part in load_diabetes(return_X_y=True, scaled=False))
        return self.made(x, y[:, None])


@dataclass(frozen=True, kw_only=True)
class Linnerud(Recipe):
    """Twenty men: chin-ups, sit-ups and jumps, and their weight, waist and pulse.

    >>> data = Linnerud().dataset()
    >>> data.rows, data.x.shape[1], data.y.shape[1]
    (20, 3, 3)
    """

    name = "linnerud"
    title = "Exercises of twenty men"
    story = (
        "Weight, waist and pulse of twenty men, from how many chin-ups, sit-ups and jumps they did. A negative "
        "control: so few rows say nothing about any symmetry, and are to be refused in so many words."
    )
    source = "Tenenhaus, La regression PLS, 1998, as shipped by scikit-learn (sklearn.datasets.load_linnerud)"
    licence = "BSD 3-clause, as scikit-learn"
    groups = ("S(3)",)
    types = Schema(x='Nodes("exercises")', y='Scalar("weight") + Scalar("waist") + Scalar("pulse")', dims={"nodes": 3})

    def dataset(self) -> Dataset:
        """All men."""
        from sklearn.datasets import load_linnerud

        x, y = (torch.from_numpy(np.asarray(part, float)) for part in load_linnerud(return_X_y=True))
        return self.made(x, y)
