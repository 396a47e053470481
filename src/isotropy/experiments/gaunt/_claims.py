"""The shapes that must hold (§4 and §5.13): who is faster, who learns molecules, who tells mirror images apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from isotropy.experiments._claims import Claim
from isotropy.experiments._scores import Scored, Value, at_least, at_most, below, of, ratio, worst
from isotropy.experiments.gaunt._config import MARK_60, MARK_120, SMALL, TEN_MINUTES, Config, ForceField
from isotropy.experiments.gaunt._forcefield import TESTS
from isotropy.experiments.gaunt._records import (
    CHIRALITY,
    EFFICIENCY,
    FORCEFIELD,
    NBODY,
    energies_of,
    forces_of,
    named,
    step_of,
    training_of,
)
from isotropy.experiments.gaunt._result import GauntProducts
from isotropy.experiments.gaunt._shapes import TASKS

# What a plain prototype reached after 60 and 120 seconds of one core (§5c): energies in meV, forces in meV/Angstrom.
PROTOTYPE = {MARK_60: (31.9, 49.3), MARK_120: (24.9, 35.1)}
STEPS_A_SECOND = {"acac": 30, "3bpa": 16}  # of one core (§5c)
LEEWAY = 1.3  # of a mark that counts as reached (§5.13)


def claims_of(config: Config) -> Sequence[Claim[GauntProducts]]:
    """Those that the parts which ran can decide."""
    found = {
        EFFICIENCY: _efficiency(config),
        FORCEFIELD: _force_fields(config),
        NBODY: _particles(config),
        CHIRALITY: _mirrors(),
    }
    return [claim for part, claims in found.items() if part in config.parts for claim in claims]


def _efficiency(config: Config) -> Sequence[Claim[GauntProducts]]:
    plan, claims = config.efficiency, list[Claim[GauntProducts]]()
    for operation, method, peer, up_to, what in (
        ("interaction", "Gaunt", "e3nn, same function", plan.same_up_to, "e3nn's product of the same function"),
        ("convolution", "Gaunt, zonal", "e3nn", plan.convolution_up_to, "e3nn's product of the same function"),
        ("convolution", "Gaunt, zonal", "Gaunt, aligned", 6, "the same in eSCN's frame, aligned with the edge"),
        ("many-body", "Gaunt", "MACE contraction", plan.contraction_up_to, "a contraction as MACE's"),
        ("many-body", "Gaunt", "e3nn", plan.powers_up_to, "two of e3nn's products in a row"),
    ):
        degrees = [L for L in config.sizes.get(operation, ()) if up_to >= L]
        times = [_times(f"{operation}, L = {L}", peer, method) for L in degrees]
        if times:
            text = f"{operation}: {method} is faster than {what}, forward, at L = {', '.join(map(str, degrees))}"
            claims.append(at_least(text, times, 1))
        if len(times) > 1 and operation == "interaction":
            claims.append(_growing(f"{operation}: by more at the highest degree than at the lowest", times))
    return claims


def _times(where: str, slow: str, fast: str) -> Value[GauntProducts]:
    return ratio(of(EFFICIENCY, where, slow), of(EFFICIENCY, where, fast))


def _growing(text: str, values: Sequence[Value[GauntProducts]]) -> Claim[GauntProducts]:
    """The claim that the last is larger than the first."""
    first, *_, last = values
    return Claim(text, lambda r: last(r) > first(r), lambda r: f"{last(r):.3g} > {first(r):.3g} times")


def _force_fields(config: Config) -> Sequence[Claim[GauntProducts]]:
    ran = config.force_fields
    claims = [claim for one in ran if one.molecule == "acac" and _ours(one) for claim in _marks(config, one)]
    for peer in ran:
        if not _ours(peer) and any(_ours(o) and (o.molecule, o.steps) == (peer.molecule, peer.steps) for o in ran):
            claims += _beside(peer, len(config.seeds_of(peer)))
    for molecule in dict.fromkeys(one.molecule for one in ran if _ours(one)):
        longest = max(one.steps for one in ran if _ours(one) and one.molecule == molecule)
        where = [forces_of(molecule, longest, test) for test in TESTS[molecule] if test.endswith("K")]
        claims.append(_rising(molecule, [of(FORCEFIELD, each, "Gaunt") for each in where]))
        if config.force_field == SMALL.force_field and config.device == "cpu":
            text = f"force field: a core takes {STEPS_A_SECOND[molecule]} steps a second or more on {molecule}"
            step = of(FORCEFIELD, step_of(molecule), "Gaunt")
            claims.append(at_most(f"{text} (milliseconds of one)", [step], 1000 / STEPS_A_SECOND[molecule]))
    return claims


def _beside(peer: ForceField, seeds: int) -> Sequence[Claim[GauntProducts]]:
    """What is claimed of our model and of another one after equal steps, of means over seeds."""
    where = forces_of(peer.molecule, peer.steps, TESTS[peer.molecule][0])
    other = named(peer.products, peer.order)
    errors = ratio(of(FORCEFIELD, where, "Gaunt"), of(FORCEFIELD, where, other))
    if peer.products == "Gaunt":
        text = (
            f"force field: order 3 has at most 85 % of the force errors of order {peer.order} after {peer.steps} steps"
        )
        return [at_most(text, [errors], 0.85)]
    step = step_of(peer.molecule)
    quick = ratio(of(FORCEFIELD, step, other), of(FORCEFIELD, step, "Gaunt"))
    text = f"force field: after {peer.steps} steps within 10 % of {peer.products} products in forces at 300 K"
    return [
        at_most(f"{text} ({seeds} seeds)" if seeds > 1 else text, [errors], 1.1),
        at_least(f"force field: a step is faster than with {peer.products} products", [quick], 1),
    ]


def _ours(one: ForceField) -> bool:
    return one.products == "Gaunt" and one.order == 3


def _marks(config: Config, one: ForceField) -> Sequence[Claim[GauntProducts]]:
    """What a training of our model on acetylacetone has to reach."""
    molecule, steps = one.molecule, one.steps
    forces, energies = (name(molecule, steps, "test_300K") for name in (forces_of, energies_of))
    claims: list[Claim[GauntProducts]] = []
    if steps in PROTOTYPE and config.force_field == SMALL.force_field:
        for what, where, mark in zip(("energies", "forces"), (energies, forces), PROTOTYPE[steps], strict=True):
            text = f"force field: {what} at 300 K after {steps} steps as the prototype's ({mark:g}) or within 30 %"
            claims.append(at_most(text, [of(FORCEFIELD, where, "Gaunt")], LEEWAY * mark))
    if steps == TEN_MINUTES:
        text = f"force field: forces of acetylacetone at 300 K after {steps} steps at most 25 meV/A"
        claims.append(at_most(text, [of(FORCEFIELD, forces, "Gaunt")], 25))
    if one.dynamics:
        rms = of(FORCEFIELD, training_of(molecule, steps, "dynamics, rms"), "Gaunt")
        kinetic = of(FORCEFIELD, training_of(molecule, steps, "dynamics, kinetic"), "Gaunt")
        drift = of(FORCEFIELD, training_of(molecule, steps, "dynamics, drift"), "Gaunt")
        claims += [
            at_most("dynamics: the total energy varies by at most 2 % of the kinetic one", [ratio(rms, kinetic)], 0.02),
            at_most("dynamics: it drifts by at most 0.5 meV per atom in a picosecond", [drift], 0.5),
        ]
        for what, bound in (("energy", 1e-5), ("forces", 1e-4)):
            errors = [
                of(FORCEFIELD, training_of(molecule, steps, f"O(3) error of {what} {when}"), "Gaunt")
                for when in ("before", "after")
            ]
            text = f"force field: relative O(3) error of {what} before and after training at most {bound:g}"
            claims.append(at_most(text, errors, bound))
    return claims


def _rising(molecule: str, errors: Sequence[Value[GauntProducts]]) -> Claim[GauntProducts]:
    """Hotter test sets are harder."""

    def values(result: GauntProducts) -> list[float]:
        return [value(result) for value in errors]

    return Claim(
        f"force field: errors of forces on {molecule} grow with temperature",
        lambda r: all(one < hotter for one, hotter in pairwise(values(r))),
        lambda r: " < ".join(f"{value:.3g}" for value in values(r)),
    )


def _particles(config: Config) -> Sequence[Claim[GauntProducts]]:
    claims: list[Claim[GauntProducts]] = []
    for degree in config.degrees:
        where, step = f"degree {degree}", f"degree {degree}: step"
        errors, times = (
            [of(NBODY, setting, method) for method in ("Gaunt", "Clebsch-Gordan")] for setting in (where, step)
        )
        claims += [
            at_most(f"n-body, degree {degree}: Gaunt at most 1.1 times Clebsch-Gordan", [ratio(*errors)], 1.1),
            below(f"n-body, degree {degree}: a step of Gaunt is faster", *times),
        ]
    return claims


def _mirrors() -> Sequence[Claim[GauntProducts]]:
    def each(what: str, method: str) -> list[Value[Scored]]:
        return [worst(CHIRALITY, f"{task}: {what}", method) for task in TASKS]

    def accuracy(what: str, method: str) -> list[Value[Scored]]:
        return [of(CHIRALITY, f"{task}: {what}", method) for task in TASKS]

    return [
        at_most(
            "mirror images: Gaunt products cannot tell them apart (logits equal to 1e-6)",
            each("logits of mirror images", "Gaunt"),
            1e-6,
        ),
        at_most("mirror images: Gaunt products guess", accuracy("mirror images", "Gaunt"), 0.6),
        at_least("mirror images: and are right half of the time", accuracy("mirror images", "Gaunt"), 0.4),
        at_least("mirror images: they recognise all other shapes", accuracy("all classes", "Gaunt")[:1], 0.87),
        at_least("mirror images: complete products recognise every shape", accuracy("all classes", "complete"), 1),
        at_most(
            "mirror images: rotations move no logit by more than 1e-6",
            [*each("logits when turned", "Gaunt"), *each("logits when turned", "complete")],
            1e-6,
        ),
    ]
