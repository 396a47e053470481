"""Each algorithm against a reference of a few lines, with full-batch steps, so that no two names are one algorithm."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from isotropy.errors import DomainError, DtypeError, ShapeError
from isotropy.federation import ALGORITHMS, ClassStats, GeometryGuidedAugmenter, Plan, federate
from isotropy.federation._rounds import Site, aggregate, begin, local_update
from isotropy.federation._weights import flat, load
from isotropy.random import spawn

CLASSES, LR, EPOCHS, ROUNDS = 3, 0.3, 4, 3
Sites = list[tuple[Tensor, Tensor]]
Objective = Callable[[Tensor], Tensor]


def _sites(*sizes: int, dtype: torch.dtype = torch.float64) -> Sites:
    draw = spawn(0, "rounds", *sizes)
    centre = 2 * torch.randn(CLASSES, 4, generator=draw, dtype=dtype)
    found = []
    for k, n in enumerate(sizes):
        y = torch.randint(CLASSES - 1, (n,), generator=draw)
        y = torch.where(torch.rand(n, generator=draw) < 0.2 * k, CLASSES - 1, y)
        found.append((centre[y] + torch.randn(n, 4, generator=draw, dtype=dtype), y))
    return found


SITES = _sites(20, 35, 50)


def _model(kind: str) -> nn.Module:
    draw = spawn(0, "model", kind)
    model = (
        nn.Linear(4, CLASSES, dtype=torch.float64)
        if kind == "linear"
        else nn.Sequential(nn.Linear(4, 6, dtype=torch.float64), nn.Tanh(), nn.Linear(6, CLASSES, dtype=torch.float64))
    )
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=draw, dtype=p.dtype) / 2)
    return model


def _at(model: nn.Module, w: Tensor) -> Callable[[Tensor], Tensor]:
    """The model as a function of its weights."""
    shapes = dict(model.named_parameters())

    def call(x: Tensor) -> Tensor:
        parts = dict(zip(shapes, w.split([p.numel() for p in shapes.values()]), strict=True))
        return torch.func.functional_call(model, {k: v.view_as(shapes[k]) for k, v in parts.items()}, (x,))

    return call


def _descend(w: Tensor, objective: Objective, steps: int = EPOCHS) -> Tensor:
    for _ in range(steps):
        w = w.detach().requires_grad_()
        w = w - LR * torch.autograd.grad(objective(w), w)[0]
    return w.detach()


def _ce(model: nn.Module, x: Tensor, y: Tensor) -> Objective:
    return lambda w: functional.cross_entropy(_at(model, w)(x), y)


def _mean(ws: Sequence[Tensor], n: Sequence[float]) -> Tensor:
    return sum(a * w for a, w in zip(n, ws, strict=True)) / sum(n)  # pyright: ignore[reportReturnType]


def _reference(name: str, model: nn.Module, sites: Sites) -> Tensor:
    """The papers, line by line."""
    w = flat(model).detach().clone()
    sizes = [float(len(x)) for x, _ in sites]
    K = len(sites)
    c, cs, h, hs, m, v = 0 * w, [0 * w] * K, 0 * w, [0 * w] * K, 0 * w, torch.full_like(w, 1e-6)
    last: list[Tensor | None] = [None] * K
    protos: Tensor | None = None
    for _ in range(ROUNDS):
        new, dcs, sums, counts = [], [], [], []
        for k, (x, y) in enumerate(sites):
            ce = _ce(model, x, y)
            g = w.clone()
            if name == "fedprox":
                new.append(_descend(w, lambda u, ce=ce, g=g: ce(u) + 0.05 / 2 * ((u - g) ** 2).sum()))
            elif name == "scaffold":
                u = w
                for _ in range(EPOCHS):
                    u = u.detach().requires_grad_()
                    u = (u - LR * (torch.autograd.grad(ce(u), u)[0] - cs[k] + c)).detach()
                new.append(u)
                up = cs[k] - c + (w - u) / (EPOCHS * LR)
                dcs.append(up - cs[k])
                cs[k] = up
            elif name == "feddyn":
                h_k = hs[k]
                new.append(_descend(w, lambda u, ce=ce, g=g, h_k=h_k: ce(u) - h_k @ u + 0.1 / 2 * ((u - g) ** 2).sum()))
                hs[k] = h_k - 0.1 * (new[-1] - w)
            elif name == "moon":

                def z(u: Tensor, x: Tensor = x) -> Tensor:
                    return torch.tanh(x @ u[:24].view(6, 4).T + u[24:30])

                def moon(u: Tensor, ce: Objective = ce, g: Tensor = g, k: int = k) -> Tensor:
                    before = last[k]
                    if before is None:
                        return ce(u)
                    a, b = (functional.cosine_similarity(z(u), z(o)) / 0.5 for o in (g, before))
                    return ce(u) + 0.7 * (-(a.exp() / (a.exp() + b.exp())).log()).mean()

                new.append(_descend(w, moon))
                last[k] = new[-1]
            elif name == "fedproto":

                def zp(u: Tensor, x: Tensor = x) -> Tensor:
                    return torch.tanh(x @ u[:24].view(6, 4).T + u[24:30])

                def proto(u: Tensor, ce: Objective = ce, y: Tensor = y, P: Tensor | None = protos) -> Tensor:
                    if P is None:
                        return ce(u)
                    return ce(u) + 1.5 * ((zp(u) - P[y]) ** 2).sum(1).mean()

                new.append(_descend(w, proto))
                one = functional.one_hot(y, CLASSES).double()
                sums.append(one.T @ zp(new[-1]))
                counts.append(one.sum(0))
            elif name == "fedntd":

                def ntd(u: Tensor, ce: Objective = ce, x: Tensor = x, y: Tensor = y, g: Tensor = g) -> Tensor:
                    total = torch.zeros((), dtype=torch.float64)
                    for row, label in zip(range(len(x)), y.tolist(), strict=True):
                        others = [c for c in range(CLASSES) if c != label]
                        t = (_at(model, g)(x[row : row + 1])[0, others] / 2).softmax(0)
                        s = (_at(model, u)(x[row : row + 1])[0, others] / 2).log_softmax(0)
                        total = total + (t * (t.log() - s)).sum()
                    return ce(u) + 0.8 * 4 * total / len(x)

                new.append(_descend(w, ntd))
            else:
                new.append(_descend(w, ce))
        if name == "scaffold":
            w, c = w + _mean([u - w for u in new], [1.0] * K), c + _mean(dcs, [1.0] * K)
        elif name == "feddyn":
            h = h - 0.1 * _mean([u - w for u in new], [1.0] * K)
            w = _mean(new, [1.0] * K) - h / 0.1
        elif name in ("fedavgm", "fedadam", "fedyogi", "fedadagrad"):
            delta = _mean(new, sizes) - w
            if name == "fedavgm":
                m = 0.9 * m + delta
                w = w + m
            else:
                m = 0.9 * m + 0.1 * delta
                v = {
                    "fedadam": 0.99 * v + 0.01 * delta**2,
                    "fedyogi": v - 0.01 * delta**2 * torch.sign(v - delta**2),
                    "fedadagrad": v + delta**2,
                }[name]
                w = w + 0.1 * m / (v.sqrt() + 1e-3)
        else:
            w = _mean(new, sizes)
        if name == "fedproto":
            protos = sum(sums) / sum(counts)[:, None]  # pyright: ignore[reportIndexIssue]
    return w


SETTINGS: dict[str, dict[str, Any]] = {
    "fedprox": {"mu": 0.05},
    "moon": {"mu": 0.7},
    "fedproto": {"mu": 1.5},
    "fedntd": {"beta": 0.8, "tau": 2.0},
}


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    found = {}
    for name in ALGORITHMS:
        model = _model("mlp" if name in ("moon", "fedproto") else "linear")
        result = federate(
            SITES,
            classes=CLASSES,
            algorithm=name,
            rounds=ROUNDS,
            local_epochs=EPOCHS,
            lr=LR,
            initial=model,
            **SETTINGS.get(name, {}),
        )
        found[name] = flat(result.head).detach()
    return found


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_sums_of_masked_weights_are_all_that_an_algorithm_needs(name: str, weights: dict[str, Tensor]) -> None:
    model = _model("mlp" if name in ("moon", "fedproto") else "linear")
    found = federate(
        SITES, classes=CLASSES, algorithm=name, rounds=ROUNDS, local_epochs=EPOCHS, lr=LR, initial=model, secure=True,
        **SETTINGS.get(name, {}),
    )  # fmt: skip
    torch.testing.assert_close(flat(found.head).detach(), weights[name], rtol=0, atol=1e-8)
    assert [list(row.loss) for row in found.history] == [["all sites"]] * ROUNDS


def test_a_sum_of_one_site_is_refused() -> None:
    with pytest.raises(DomainError, match="secure=True with one site in a round"):
        federate(SITES[:1], classes=CLASSES, rounds=1, secure=True)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_an_algorithm_is_its_paper(name: str, weights: dict[str, Tensor]) -> None:
    model = _model("mlp" if name in ("moon", "fedproto") else "linear")
    torch.testing.assert_close(weights[name], _reference(name, model, SITES), rtol=0, atol=1e-9)


def test_no_two_names_are_one_algorithm(weights: dict[str, Tensor]) -> None:
    plain = {"mlp": _reference("fedavg", _model("mlp"), SITES), "linear": weights["fedavg"]}
    for name, w in weights.items():
        for other, u in weights.items():
            assert name == other or len(w) != len(u) or float((w - u).abs().max()) > 1e-5, (name, other)
        if len(w) == len(plain["mlp"]):
            assert float((w - plain["mlp"]).abs().max()) > 1e-5, name


def test_one_full_step_a_round_is_gradient_descent_on_all_rows() -> None:
    sites = _sites(7, 20, 41, dtype=torch.float32)
    model = nn.Linear(4, CLASSES)
    start = copy.deepcopy(model)
    result = federate(sites, classes=CLASSES, rounds=20, local_epochs=1, lr=0.5, initial=model)
    x, y = torch.cat([x for x, _ in sites]), torch.cat([y for _, y in sites])
    w = flat(start).detach()
    for _ in range(20):
        w = w.requires_grad_()
        w = (w - 0.5 * torch.autograd.grad(functional.cross_entropy(_at(start, w)(x), y), w)[0]).detach()
    assert float((flat(result.head).detach() - w).abs().max()) < 1e-6


def _quadratics(algorithm: str, rounds: int) -> tuple[Tensor, Tensor]:
    """Least squares of three sites whose curvatures differ; where they end, and the minimiser of their sum."""
    draw = spawn(0, "quadratics")
    scale = torch.tensor([[2.0, 0.5, 1.0], [0.3, 1.5, 1.0], [1.0, 1.0, 0.4]], dtype=torch.float64)
    A = [torch.randn(3, 3, generator=draw, dtype=torch.float64) * 0.3 + torch.diag(s) for s in scale]
    b = [torch.randn(3, generator=draw, dtype=torch.float64) for _ in A]
    truth = torch.linalg.solve(sum(a.T @ a for a in A), sum(a.T @ r for a, r in zip(A, b, strict=True)))  # pyright: ignore[reportArgumentType]
    model = nn.Linear(3, 1, bias=False, dtype=torch.float64)
    # The mean over the three rows of 3/2 of a squared residual is half of the sum.
    plan = Plan(algorithm, local_epochs=10, lr=0.1, alpha=1.0)
    server, kept = begin(model, plan), [{} for _ in A]
    sites = [Site(str(k), a, r, 3) for k, (a, r) in enumerate(zip(A, b, strict=True))]
    for _ in range(rounds):
        uploads = []
        for k, site in enumerate(sites):
            upload, kept[k], _ = local_update(
                model, server, site, kept[k], plan, loss=lambda out, y: 1.5 * (out[:, 0] - y).square()
            )
            uploads.append(upload)
        server = aggregate(server, uploads, plan, 3)
    return server.w, truth


@pytest.mark.parametrize(("name", "rounds"), [("scaffold", 80), ("feddyn", 80), ("fedavg", 30)])
def test_drift_is_corrected_where_it_is_said_to_be(name: str, rounds: int) -> None:
    found, truth = _quadratics(name, rounds)
    apart = float((found - truth).norm())
    assert apart > 1e-3 if name == "fedavg" else apart < 1e-8, apart


def test_sites_begin_each_round_from_what_the_server_sent() -> None:
    model, plan = _model("linear"), Plan(lr=LR, local_epochs=2)
    server = begin(model, plan)
    site = Site("a", *SITES[0], 20)
    clean, _, _ = local_update(model, server, site, {}, plan)
    load(model, torch.full_like(server.w, 7.0))  # what a site may have left in its own copy
    again, _, _ = local_update(model, server, site, {}, plan)
    assert torch.equal(clean.w, again.w)


def test_weights_count_real_rows_unless_told_otherwise() -> None:
    stats = sum(ClassStats.from_data(x, y, classes=CLASSES) for x, y in SITES)
    assert isinstance(stats, ClassStats)
    augment = GeometryGuidedAugmenter(stats.shapes(), target=60, mode="gaussian")
    heads = {}
    for weighting in ("real", "augmented", "uniform"):
        model = _model("linear")
        found = federate(SITES, classes=CLASSES, rounds=1, lr=LR, augment=augment, weighting=weighting, initial=model)
        sites = found.clients
        n = {"real": [20, 35, 50], "augmented": [len(s.x) for s in sites], "uniform": [1, 1, 1]}[weighting]
        ws = [_descend(flat(_model("linear")).detach(), _ce(model, s.x, s.y), 1) for s in sites]
        torch.testing.assert_close(flat(found.head).detach(), _mean(ws, [float(k) for k in n]), rtol=0, atol=1e-12)
        heads[weighting] = flat(found.head)
    assert [s.real for s in sites] == [20, 35, 50]


def test_same_seed_same_bits_and_a_share_of_sites() -> None:
    run = lambda seed: federate(  # noqa: E731
        SITES, classes=CLASSES, rounds=4, batch_size=8, optimizer="adam", participation=0.5, seed=seed, test=SITES[0]
    )
    one, again, other = run(3), run(3), run(4)
    assert torch.equal(flat(one.head), flat(again.head))
    assert not torch.equal(flat(one.head), flat(other.head))
    assert all(len(r.loss) == 2 for r in one.history)
    assert len({tuple(r.loss) for r in one.history}) > 1
    assert all(r.accuracy is not None for r in one.history)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"algorithm": "fedsgd"}, DomainError, "one of fedadagrad, fedadam"),
        ({"algorithm": "scaffold", "optimizer": "adam"}, DomainError, 'expected optimizer="sgd"'),
        ({"algorithm": "moon"}, DomainError, 'without a hidden layer; expected head="mlp"'),
        ({"algorithm": "fedproto"}, DomainError, 'without a hidden layer; expected head="mlp"'),
        ({"optimizer": "lion"}, DomainError, "one of sgd, adam"),
        ({"rounds": 0}, DomainError, "rounds=0"),
        ({"lr": -1.0}, DomainError, "lr=-1"),
        ({"server_rate": 2.0}, DomainError, "unknown settings server_rate.*server_lr"),
        ({"names": ["a", "a", "b"]}, DomainError, "a name of its own"),
    ],
)
def test_refusals(changes: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        federate(SITES, classes=CLASSES, **changes)  # pyright: ignore[reportArgumentType]


def test_sites_are_named() -> None:
    x, y = SITES[0]
    with pytest.raises(ShapeError, match="4 features at north and 2 at south"):
        federate([(x, y), (x[:, :2], y)], classes=CLASSES, names=["north", "south"])
    with pytest.raises(DomainError, match=r"labels? of south such as [34]"):
        federate([(x, y), (x, y + 2)], classes=CLASSES, names=["north", "south"])
    with pytest.raises(DtypeError, match=r"features of client 0 of dtype torch\.float16"):
        federate([(x.half(), y)], classes=CLASSES)
    empty = federate([(x, y), (x[:0], y[:0])], classes=CLASSES, rounds=1)
    assert [s.name for s in empty.clients] == ["client 0"]


def test_prototypes_are_of_real_rows_of_classes_that_may_leave() -> None:
    x, y = SITES[2]
    few = torch.cat([(y == 0).nonzero()[:4, 0], (y == 1).nonzero()[:9, 0]])
    site = Site("a", torch.cat([x[few], x[few] + 1]), torch.cat([y[few], y[few]]), len(few))
    model = _model("mlp")
    plan = Plan("fedproto", min_count=6)
    upload, _, _ = local_update(model, begin(model, plan), site, {}, plan)
    assert upload.extra["counts"].tolist() == [0, 9, 0]
    assert not upload.extra["sums"][[0, 2]].any()
    with pytest.raises(DomainError, match="min_count=0"):
        Plan(min_count=0)


def test_a_model_that_is_given_stays_as_it_is_and_buffers_are_refused() -> None:
    for which in ("initial", "head"):
        model = _model("linear")
        found = federate(SITES, classes=CLASSES, rounds=1, lr=LR, **{which: model})  # pyright: ignore[reportArgumentType]
        assert torch.equal(flat(model), flat(_model("linear")))
        assert not torch.equal(flat(found.head), flat(model))
    batch = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, CLASSES)).double()
    with pytest.raises(DomainError, match=r"buffer 1\.running_mean"):
        federate(SITES, classes=CLASSES, rounds=1, head=batch)


def test_sites_of_different_precision_are_brought_to_one() -> None:
    (x, y), (u, v), (a, b) = SITES
    mixed = [(x.float(), y), ((10 * u).round().long(), v), (a.float(), b)]
    found = federate(mixed, classes=CLASSES, rounds=1, test=(a.float(), b))
    assert {site.x.dtype for site in found.clients} == {torch.float64}
    assert found.history[0].accuracy is not None
