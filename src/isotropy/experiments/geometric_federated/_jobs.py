"""One training of one method on one deal of the rows: the share of test rows that are told right, by domain."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from torch import Tensor

from isotropy.data import Domains, load_office_caltech
from isotropy.errors import SchemaError
from isotropy.experiments.geometric_federated._config import DigitsPlan, KindsPlan, OfficePlan, OwnPlan, Schedule
from isotropy.experiments.geometric_federated._features import (
    digest_of,
    handwriting,
    own_features,
    principal,
    three_kinds,
    unit,
)
from isotropy.experiments.geometric_federated._methods import Rows, head_of
from isotropy.federation import dirichlet_label_skew, domain_skew, lds
from isotropy.random import spawn
from isotropy.runs import Run
from isotropy.study import accuracy, job, size

Tests = dict[str, Rows]


@job
def digits_job(run: Run, *, seed: int, method: str, alpha: float, plan: DigitsPlan) -> dict[str, Any]:
    """MNIST with skewed labels (specification 12 §4 A)."""
    return _told(method, *digits(plan, alpha, seed), 10, plan.schedule, seed)


@job
def office_job(run: Run, *, seed: int, method: str, features: str, alpha: float, plan: OfficePlan) -> dict[str, Any]:
    """Office-Caltech-10, a site for each domain, with skewed labels too (specification 12 §4 B)."""
    return _told(method, *office(features, alpha, plan, seed), 10, plan.schedule, seed)


@job
def kinds_job(run: Run, *, seed: int, method: str, plan: KindsPlan) -> dict[str, Any]:
    """Three kinds of digits, a site for each (specification 12 §4 C)."""
    return _told(method, *kinds(plan, seed), 10, plan.schedule, seed)


@job
def own_job(run: Run, *, seed: int, method: str, file: str, sha256: str, plan: OwnPlan) -> dict[str, Any]:
    """A user's features, those with this digest: what is kept of a job is known by its arguments."""
    data = own_features(file)
    if digest_of(data) != sha256:
        raise SchemaError(
            f"{file}, changed while the experiment ran", "the features that it began with", "run it again"
        )
    clients, tests = own(data, plan, seed)
    return _told(method, clients, tests, int(data.y.max()) + 1, plan.schedule, seed)


def digits(plan: DigitsPlan, alpha: float, seed: int) -> tuple[list[Rows], Tests]:
    """Components that public rows give, at the sites, and of rows to test by; the split is that of the seed."""
    cells, y = handwriting()
    order = torch.randperm(len(y), generator=spawn(seed, "split"))
    train, test, public = order[: plan.train + plan.test + plan.public].split([plan.train, plan.test, plan.public])
    x, held = principal(cells[public], plan.dims, cells[train], cells[test])
    parts = dirichlet_label_skew(y[train], plan.sites, alpha, generator=spawn(seed, "deal"))
    return [(x[some], y[train][some]) for some in parts], {"": (held, y[test])}


def office(features: str, alpha: float, plan: OfficePlan, seed: int) -> tuple[list[Rows], Tests]:
    """Rows at the sites, and of each domain to test by; components are those of the rows that sites keep."""
    data = load_office_caltech(features)
    return _of_domains(data, alpha, float(plan.held), plan.dims, seed)


def kinds(plan: KindsPlan, seed: int) -> tuple[list[Rows], Tests]:
    """Rows of each kind at its site, and others to test by."""
    counts = tuple(count + plan.test for count in plan.train)
    data = three_kinds(counts, seed)
    some = [(data.domain == d).nonzero().flatten() for d in range(3)]
    # Printed digits come in turn, ten after ten.
    some[0] = some[0][torch.randperm(counts[0], generator=spawn(seed, "printed"))]
    train, test = (
        data.take(torch.cat([rows[chosen] for rows, chosen in zip(some, part, strict=True)]))
        for part in ([slice(count) for count in plan.train], [slice(count, None) for count in plan.train])
    )
    return _fitted(train, domain_skew(train.domain), test, plan.dims)


def own(data: Domains, plan: OwnPlan, seed: int) -> tuple[list[Rows], Tests]:
    """As B where there are domains, as A where there are none, on the features as they are."""
    if len(data.domains) > 1:
        return _of_domains(data, float(plan.alpha), float(plan.held), 0, seed)
    train, test = _split(data, float(plan.held), seed)
    sites = dirichlet_label_skew(train.y, plan.sites, float(plan.alpha), generator=spawn(seed, "deal"))
    return [(train.x[some], train.y[some]) for some in sites], {"": (test.x, test.y)}


def _of_domains(data: Domains, alpha: float, held: float, dims: int, seed: int) -> tuple[list[Rows], Tests]:
    train, test = _split(data, held, seed)
    return _fitted(train, lds(train.y, train.domain, alpha, generator=spawn(seed, "deal")), test, dims)


def _split(data: Domains, held: float, seed: int) -> tuple[Domains, Domains]:
    """Of each domain a share to test by."""
    order = torch.randperm(len(data), generator=spawn(seed, "split"))
    some = [order[data.domain[order] == d] for d in range(len(data.domains))]
    ends = [round(held * len(rows)) for rows in some]
    train = torch.cat([rows[n:] for rows, n in zip(some, ends, strict=True)])
    return data.take(train), data.take(torch.cat([rows[:n] for rows, n in zip(some, ends, strict=True)]))


def _fitted(train: Domains, sites: list[Tensor], test: Domains, dims: int) -> tuple[list[Rows], Tests]:
    """Scale and components from the rows that sites keep, and from no other."""
    kept = train.x[torch.cat(sites)]
    x, held = unit(train.x, kept), unit(test.x, kept)
    if dims:
        x, held = principal(unit(kept, kept), dims, x, held)
    tests = {name: (held[test.domain == d], test.y[test.domain == d]) for d, name in enumerate(test.domains)}
    return [(x[some], train.y[some]) for some in sites], tests


def _told(
    method: str, clients: list[Rows], tests: Tests, classes: int, plan: Schedule, seed: int
) -> dict[str, Any]:  # fmt: skip
    head = head_of(method, clients, classes, plan, seed)
    right = {name: accuracy(head, *rows) for name, rows in tests.items()}
    apart = statistics.pstdev(right.values()) if len(right) > 1 else 0.0
    return {"right": right, "mean": statistics.fmean(right.values()), "apart": apart, "parameters": size(head)}
