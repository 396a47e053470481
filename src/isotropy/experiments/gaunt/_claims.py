"""The shapes that must hold (§4 and §5.13): who is faster, who learns molecules, who tells mirror images apart."""

from collections.abc import Callable, Iterator

from isotropy.experiments.gaunt._config import (
    CHIRALITY,
    EFFICIENCY,
    FORCEFIELD,
    MARK_60,
    MARK_120,
    NBODY,
    SMALL,
    TEN_MINUTES,
    Config,
    ForceField,
)
from isotropy.experiments.gaunt._forcefield import TESTS
from isotropy.experiments.gaunt._shapes import TASKS
from isotropy.study import Claim, Scored, Value, at_least, at_most, below, of, rising, worst

# What a plain prototype reached after 60 and 120 seconds of one core (§5c): energies in meV, forces in meV/Angstrom.
PROTOTYPE = {MARK_60: (31.9, 49.3), MARK_120: (24.9, 35.1)}
STEPS_A_SECOND = {"acac": 30, "3bpa": 16}  # of one core (§5c)
LEEWAY = 1.3  # of a mark that counts as reached (§5.13)
Claims = Iterator[Claim[Scored]]


def claims_of(config: Config) -> Claims:
    """Those that a configuration can decide."""
    yield from _efficiency(config)
    yield from _force_fields(config)
    for degree in config.degrees:
        (ours, peer), (quick, slow) = (
            [of(NBODY, setting, method) for method in ("Gaunt", "Clebsch-Gordan")]
            for setting in (f"degree {degree}", f"degree {degree}: step")
        )
        yield at_most(f"n-body, degree {degree}: Gaunt at most 1.1 times Clebsch-Gordan", ours / peer, 1.1)
        yield below(f"n-body, degree {degree}: a step of Gaunt is faster", quick, slow)
    yield from _mirrors()


def _efficiency(config: Config) -> Claims:
    plan = config.efficiency
    for operation, method, peer, up_to, what in (
        ("interaction", "Gaunt", "e3nn, same function", plan.same_up_to, "e3nn's product of the same function"),
        ("convolution", "Gaunt, zonal", "e3nn", plan.convolution_up_to, "e3nn's product of the same function"),
        ("convolution", "Gaunt, zonal", "Gaunt, aligned", 6, "the same in eSCN's frame, aligned with the edge"),
        ("many-body", "Gaunt", "MACE contraction", plan.contraction_up_to, "a contraction as MACE's"),
        ("many-body", "Gaunt", "e3nn", plan.powers_up_to, "two of e3nn's products in a row"),
    ):
        where = {L: f"{operation}, L = {L}" for L in config.sizes.get(operation, ()) if up_to >= L}
        times = [of(EFFICIENCY, setting, peer) / of(EFFICIENCY, setting, method) for setting in where.values()]
        if times:
            text = f"{operation}: {method} is faster than {what}, forward, at L = {', '.join(map(str, where))}"
            yield at_least(text, times, 1)
        if len(times) > 1 and operation == "interaction":
            yield below(f"{operation}: by more at the highest degree than at the lowest", times[0], times[-1])


def _force_fields(config: Config) -> Claims:
    ran = config.force_fields
    ours = [one for one in ran if one.method == "Gaunt"]
    for one in ours:
        if one.molecule == "acac":
            yield from _marks(config, one)
    for peer in ran:
        if peer not in ours and any(one.at == peer.at for one in ours):
            yield from _beside(peer, max(config.seeds, peer.seeds))
    for molecule in dict.fromkeys(one.molecule for one in ours):
        longest = max((one for one in ours if one.molecule == molecule), key=lambda one: one.steps)
        hotter = [_of(longest, f", {test}: forces") for test in TESTS[molecule] if test.endswith("K")]
        yield rising(f"force field: errors of forces on {molecule} grow with temperature", hotter, digits=3)
        if config.force_field == SMALL.force_field and config.device == "cpu":
            text = f"force field: a core takes {STEPS_A_SECOND[molecule]} steps a second or more on {molecule}"
            yield at_most(f"{text} (milliseconds of one)", _step(longest), 1000 / STEPS_A_SECOND[molecule])


def _of(one: ForceField, what: str, method: str = "Gaunt") -> Value[Scored]:
    return of(FORCEFIELD, f"{one.at}{what}", method)


def _step(one: ForceField, method: str = "Gaunt") -> Value[Scored]:
    return of(FORCEFIELD, f"{one.molecule}: step of training", method)


def _beside(peer: ForceField, seeds: int) -> Claims:
    """What is claimed of our model and of another one after equal steps, of means over seeds."""
    forces = f", {TESTS[peer.molecule][0]}: forces"
    errors = _of(peer, forces) / _of(peer, forces, peer.method)
    after = f"after {peer.steps} steps"
    if peer.products == "Gaunt":
        text = f"force field: order 3 has at most 85 % of the force errors of order {peer.order} {after}"
        yield at_most(text, errors, 0.85)
    else:
        text = f"force field: {after} within 10 % of {peer.products} products in forces at 300 K"
        yield at_most(f"{text} ({seeds} seeds)" if seeds > 1 else text, errors, 1.1)
        text = f"force field: a step is faster than with {peer.products} products"
        yield at_least(text, _step(peer, peer.method) / _step(peer), 1)


def _marks(config: Config, one: ForceField) -> Claims:
    """What a training of our model on acetylacetone has to reach."""
    if one.steps in PROTOTYPE and config.force_field == SMALL.force_field:
        for what, mark in zip(("energies", "forces"), PROTOTYPE[one.steps], strict=True):
            text = f"force field: {what} at 300 K after {one.steps} steps as the prototype's ({mark:g}) or within 30 %"
            yield at_most(text, _of(one, f", test_300K: {what}"), LEEWAY * mark)
    if one.steps == TEN_MINUTES:
        text = f"force field: forces of acetylacetone at 300 K after {one.steps} steps at most 25 meV/A"
        yield at_most(text, _of(one, ", test_300K: forces"), 25)
    if one.dynamics:
        rms, kinetic, drift = (_of(one, f": dynamics, {what}") for what in ("rms", "kinetic", "drift"))
        yield at_most("dynamics: the total energy varies by at most 2 % of the kinetic one", rms / kinetic, 0.02)
        yield at_most("dynamics: it drifts by at most 0.5 meV per atom in a picosecond", drift, 0.5)
        for what, bound in (("energy", 1e-5), ("forces", 1e-4)):
            errors = [_of(one, f": O(3) error of {what} {when}") for when in ("before", "after")]
            text = f"force field: relative O(3) error of {what} before and after training at most {bound:g}"
            yield at_most(text, errors, bound)


def _mirrors() -> Claims:
    def each(what: str, *methods: str, read: Callable[[str, str, str], Value[Scored]] = of) -> list[Value[Scored]]:
        return [read(CHIRALITY, f"{task}: {what}", method) for method in methods for task in TASKS]

    text = "mirror images: Gaunt products cannot tell them apart (logits equal to 1e-6)"
    yield at_most(text, each("logits of mirror images", "Gaunt", read=worst), 1e-6)
    yield at_most("mirror images: Gaunt products guess", each("mirror images", "Gaunt"), 0.6)
    yield at_least("mirror images: and are right half of the time", each("mirror images", "Gaunt"), 0.4)
    yield at_least("mirror images: they recognise all other shapes", each("all classes", "Gaunt")[:1], 0.87)
    yield at_least("mirror images: complete products recognise every shape", each("all classes", "complete"), 1)
    text = "mirror images: rotations move no logit by more than 1e-6"
    yield at_most(text, each("logits when turned", "Gaunt", "complete", read=worst), 1e-6)
