"""The shapes that must hold (§4 and §5.13): who is faster, who learns molecules, who tells mirror images apart."""

from collections.abc import Iterator
from functools import partial

from isotropy.experiments.gaunt._config import MINUTE, SMALL, TEN_MINUTES, TWO_MINUTES, Config, ForceField
from isotropy.experiments.gaunt._forcefield import TESTS
from isotropy.experiments.gaunt._shapes import TASKS
from isotropy.experiments.peers import PRODUCTS
from isotropy.study import Claim, Scored, at_least, at_most, below, each, of, rising, worst

# A plain prototype's (§5c), in meV and meV/Angstrom; whoever comes within 30 % has reached it (§5.13).
PROTOTYPE = {MINUTE: {"energies": 31.9, "forces": 49.3}, TWO_MINUTES: {"energies": 24.9, "forces": 35.1}}
STEPS_A_SECOND = {"acac": 30, "3bpa": 16}  # of one core (§5c)
Claims = Iterator[Claim[Scored]]
_field = partial(each, "forcefield")


def claims_of(config: Config) -> Claims:
    """Those that a configuration can decide."""
    yield from _efficiency(config)
    yield from _force_fields(config)
    for where in (f"degree {degree}" for degree in config.degrees):
        ours, peer = each("nbody", where, PRODUCTS)
        yield at_most(f"n-body, {where}: Gaunt at most 1.1 times Clebsch-Gordan", ours / peer, 1.1)
        yield below(f"n-body, {where}: a step of Gaunt is faster", *each("nbody", f"{where}: step", PRODUCTS))
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
        degrees = [L for L in config.sizes.get(operation, ()) if up_to >= L]
        where = [f"{operation}, L = {L}" for L in degrees]
        times = [of("efficiency", one, peer) / of("efficiency", one, method) for one in where]
        if times:
            text = f"{operation}: {method} is faster than {what}, forward, at L = {', '.join(map(str, degrees))}"
            yield at_least(text, times, 1)
        if len(times) > 1 and operation == "interaction":
            yield below(f"{operation}: by more at the highest degree than at the lowest", times[0], times[-1])


def _force_fields(config: Config) -> Claims:
    small = config.force_field == SMALL.force_field
    ours = {one.at: one for one in config.force_fields if one.method == "Gaunt"}
    for one in ours.values():
        if one.molecule == "acac":
            yield from _marks(one, small)
    for peer in config.force_fields:
        if peer.method == "Gaunt" or peer.at not in ours:
            continue
        after, seeds, both = f"after {peer.steps} steps", max(config.seeds, peer.seeds), ("Gaunt", peer.method)
        our, their = _field(f"{peer.at}, {TESTS[peer.molecule][0]}: forces", both)
        if peer.products == "Gaunt":
            text = f"force field: order 3 has at most 85 % of the force errors of order {peer.order} {after}"
            yield at_most(text, our / their, 0.85)
        else:
            text = f"force field: {after} within 10 % of {peer.products} products in forces at 300 K"
            yield at_most(f"{text} ({seeds} seeds)" if seeds > 1 else text, our / their, 1.1)
            our, their = _field(f"{peer.molecule}: step of training", both)
            yield at_least(f"force field: a step is faster than with {peer.products} products", their / our, 1)
    for molecule in dict.fromkeys(one.molecule for one in ours.values()):
        longest = max((one for one in ours.values() if one.molecule == molecule), key=lambda one: one.steps)
        hotter = [f"{longest.at}, {test}: forces" for test in TESTS[molecule] if test.endswith("K")]
        text = f"force field: errors of forces on {molecule} grow with temperature"
        yield rising(text, _field(hotter, "Gaunt"), digits=3)
        if small and config.device == "cpu":
            text = f"force field: a core takes {STEPS_A_SECOND[molecule]} steps a second or more on {molecule}"
            step = _field(f"{molecule}: step of training", "Gaunt")
            yield at_most(f"{text} (milliseconds of one)", step, 1000 / STEPS_A_SECOND[molecule])


def _marks(one: ForceField, small: bool) -> Claims:
    """What a training of our model on acetylacetone has to reach; the ``small`` one, what the prototype had."""
    for what, mark in PROTOTYPE.get(one.steps, {}).items() if small else ():
        text = f"force field: {what} at 300 K after {one.steps} steps as the prototype's ({mark:g}) or within 30 %"
        yield at_most(text, _field(f"{one.at}, test_300K: {what}", "Gaunt"), 1.3 * mark)
    if one.steps == TEN_MINUTES:
        text = f"force field: forces of acetylacetone at 300 K after {one.steps} steps at most 25 meV/A"
        yield at_most(text, _field(f"{one.at}, test_300K: forces", "Gaunt"), 25)
    if one.dynamics:
        moving = (f"{one.at}: dynamics, {what}" for what in ("rms", "kinetic", "drift"))
        rms, kinetic, drift = _field(moving, "Gaunt")
        yield at_most("dynamics: the total energy varies by at most 2 % of the kinetic one", rms / kinetic, 0.02)
        yield at_most("dynamics: it drifts by at most 0.5 meV per atom in a picosecond", drift, 0.5)
        for what, bound in (("energy", 1e-5), ("forces", 1e-4)):
            turned = (f"{one.at}: O(3) error of {what} {when}" for when in ("before", "after"))
            text = f"force field: relative O(3) error of {what} before and after training at most {bound:g}"
            yield at_most(text, _field(turned, "Gaunt"), bound)


def _mirrors() -> Claims:
    logits, mirrored, known, turned = (
        [f"{task}: {what}" for task in TASKS]
        for what in ("logits of mirror images", "mirror images", "all classes", "logits when turned")
    )
    shapes = partial(each, "chirality")
    text = "mirror images: Gaunt products cannot tell them apart (logits equal to 1e-6)"
    yield at_most(text, shapes(logits, "Gaunt", worst), 1e-6)
    yield at_most("mirror images: Gaunt products guess", shapes(mirrored, "Gaunt"), 0.6)
    yield at_least("mirror images: and are right half of the time", shapes(mirrored, "Gaunt"), 0.4)
    yield at_least("mirror images: they recognise all other shapes", shapes(known[:1], "Gaunt"), 0.87)
    yield at_least("mirror images: complete products recognise every shape", shapes(known, "complete"), 1)
    text = "mirror images: rotations move no logit by more than 1e-6"
    yield at_most(text, shapes(turned, ("Gaunt", "complete"), worst), 1e-6)
