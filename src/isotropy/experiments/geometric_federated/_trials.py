"""The trials: each job, and where its numbers stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from isotropy.experiments.geometric_federated._config import KINDS, LABELS, METHODS, OFFICE, OWN, Config
from isotropy.experiments.geometric_federated._features import digest_of, own_features
from isotropy.experiments.geometric_federated._jobs import digits_job, kinds_job, office_job, own_job
from isotropy.study import Outcome, Trial

RIGHT, SPREAD = "named rightly", "sd over domains"


def trials(config: Config) -> Iterator[Trial]:
    """Every method on every deal. Source: specification 12 §4."""
    for alpha, method in product(config.alphas, METHODS):
        given: dict[str, Any] = {"method": method, "alpha": alpha, "plan": config.digits, "seeds": config.seeds}
        yield from config.trials(digits_job, LABELS, method, {(f"alpha {alpha:g}", RIGHT): "mean"}, **given)
    for features, alpha, method in product(config.office_features, config.alphas, METHODS):
        given = {"method": method, "features": features, "alpha": alpha, "plan": config.office, "seeds": config.seeds}
        yield from config.trials(office_job, OFFICE, method, _by_domain(f"{features}, alpha {alpha:g}"), **given)
    for method in METHODS:
        given = {"method": method, "plan": config.kinds, "seeds": config.seeds}
        yield from config.trials(kinds_job, KINDS, method, _by_domain("digits"), **given)
    if not config.features:
        return
    known = digest_of(own_features(config.features))
    for method in METHODS:
        given = {"method": method, "file": config.features, "sha256": known, "plan": config.own}
        yield from config.trials(own_job, OWN, method, _by_domain("own"), seeds=config.seeds, **given)


def _by_domain(setting: str) -> Callable[[Outcome], Mapping[tuple[str, str], Any]]:
    """The mean over domains, each of them, and how far they are apart."""

    def numbers(outcome: Outcome) -> Mapping[tuple[str, str], Any]:
        domains = {(f"{setting}, {name}", RIGHT): value for name, value in outcome["right"].items() if name}
        apart = {(f"{setting}, {SPREAD}", SPREAD): outcome["apart"]} if domains else {}
        return {(setting, RIGHT): outcome["mean"], **domains, **apart}

    return numbers
