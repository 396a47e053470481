"""The trials of the experiment: every method trained on every setting, and what ``discover`` says of each problem."""

from collections.abc import Iterator
from typing import Any

from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS, Config
from isotropy.experiments.soft_equivariance._levels import discover_job, truth
from isotropy.experiments.soft_equivariance._methods import ROWS, methods
from isotropy.experiments.soft_equivariance._training import train_job
from isotropy.study import Trial


def trials(config: Config) -> Iterator[Trial]:
    """Networks, then questions. Source: Kim et al., ICML 2023; §5.1-5.4."""
    given: dict[str, Any]
    for setting in config.settings:
        numbers = {(setting.name + rows, "MSE per entry"): name for rows, name in ROWS.items()}
        for method in methods(truth(setting)[0], config.plan):
            where = {"nu": setting.nu, "axis": setting.axis, "method": method.key, "argument": method.argument}
            given = {**where, "plan": config.plan, "seeds": setting.seeds}
            yield from config.trials(train_job, NETWORKS, method.name, numbers, NETWORKS, **given)
    for one in config.questions:
        asked = {"problem": one.problem, "settings": dict(one.settings), "quick": config.quick}
        given = {**asked, "rows": config.question_rows, "seeds": one.seeds}
        yield from config.trials(discover_job, DISCOVER, one.name, stage=DISCOVER, **given)
