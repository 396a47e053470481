"""The trials of the experiment: every method trained on every setting, and what ``discover`` says of each problem."""

from collections.abc import Iterator

from isotropy.experiments.soft_equivariance._config import DISCOVER, NETWORKS, Config
from isotropy.experiments.soft_equivariance._levels import discover_job, truth
from isotropy.experiments.soft_equivariance._methods import ROWS, methods
from isotropy.experiments.soft_equivariance._training import train_job
from isotropy.study import Trial


def trials(config: Config) -> Iterator[Trial]:
    """Networks, then questions. Source: Kim et al., ICML 2023; §5.1-5.4."""
    for setting in config.settings:
        numbers = {(setting.name + rows, "MSE per entry"): name for rows, name in ROWS.items()}
        for method in methods(truth(setting)[0], config.plan):
            for seed in config.seeds_of(setting.seeds):
                where = {"nu": setting.nu, "axis": setting.axis, "method": method.key, "argument": method.argument}
                training = config.job(train_job, seed, **where, plan=config.plan)
                yield Trial(training, NETWORKS, method.name, numbers, NETWORKS)
    for question in config.questions:
        for seed in config.seeds_of(question.seeds):
            asked = {"problem": question.problem, "settings": dict(question.settings), "quick": config.quick}
            asking = config.job(discover_job, seed, **asked, rows=config.question_rows)
            yield Trial(asking, DISCOVER, question.name, stage=DISCOVER)
