"""The shapes that must hold (§4 and §5.13): who is faster, who learns molecules, who tells mirror images apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from isotropy.experiments._claims import Claim
from isotropy.experiments._scores import Scored, Value, at_least, at_most, below, of, ratio, worst
from isotropy.experiments.gaunt._config import MARK_60, MARK_120, SMALL, TEN_MINUTES, Config, ForceField
from isotropy.experiments.gaunt._records import (
    CHIRALITY,
    EFFICIENCY,
    FORCEFIELD,
    NBODY,
    energies_of,
    forces_of,
    named,
    training_of,
)
from isotropy.experiments.gaunt._result import GauntProducts
from isotropy.experiments.gaunt._shapes import TASKS

# What a plain prototype reached after 60 and 120 seconds of one core (§5c): energies in meV, forces in meV/Angstrom.
PROTOTYPE = {MARK_60: (31.9, 49.3), MARK_120: (24.9, 35.1)}
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
    def faster(operation: str, method: str, peer: str, up_to: int) -> list[Value[GauntProducts]]:
        """How many times the peer's time, at each degree that it ran."""
        return [
            ratio(of(EFFICIENCY, where, peer), of(EFFICIENCY, where, method))
            for L in config.sizes[operation]
            if up_to >= L
            for where in (f"{operation}, L = {L}",)
        ]

    plan = config.efficiency
    same = faster("interaction", "Gaunt", "e3nn, same function", plan.same_up_to)
    return [
        at_least("interaction: Gaunt is faster than e3nn's product of the same function at every degree", same, 1),
        Claim(
            "interaction: the higher the degree, the more so (highest against lowest degree)",
            lambda r: same[-1](r) > same[0](r),
            lambda r: f"{same[-1](r):.3g} > {same[0](r):.3g} times",
        ),
        at_least(
            "convolution: the zonal form is faster than a general eSCN layer at every degree",
            faster("convolution", "Gaunt, zonal", "eSCN", plan.escn_up_to),
            1,
        ),
        at_least(
            "many-body: Gaunt is faster than MACE's contraction at every degree",
            faster("many-body", "Gaunt", "MACE contraction", plan.contraction_up_to),
            1,
        ),
        at_least(
            "many-body: Gaunt is faster than two of e3nn's products at every degree",
            faster("many-body", "Gaunt", "e3nn", plan.powers_up_to),
            1,
        ),
    ]


def _force_fields(config: Config) -> Sequence[Claim[GauntProducts]]:
    ran = config.force_fields
    claims = [claim for one in ran if one.molecule == "acac" and _ours(one) for claim in _marks(config, one)]
    for peer in ran:
        steps = peer.steps
        where = forces_of(peer.molecule, steps, "test_300K")
        ours, theirs = (of(FORCEFIELD, where, named(*each)) for each in (("Gaunt", 3), (peer.products, peer.order)))
        if peer.products != "Gaunt":
            step = training_of(peer.molecule, steps, "step")
            text = f"force field: after {steps} steps within 10 % of Clebsch-Gordan products in forces at 300 K"
            quick = ratio(of(FORCEFIELD, step, peer.products), of(FORCEFIELD, step, "Gaunt"))
            claims += [
                at_most(text, [ratio(ours, theirs)], 1.1),
                at_least("force field: a step is faster than with Clebsch-Gordan products", [quick], 1),
            ]
        elif peer.order == 1:
            text = f"force field: order 3 has at most 85 % of the force errors of order 1 after {steps} steps"
            claims.append(at_most(text, [ratio(ours, theirs)], 0.85))
    for one in ran:
        tests = {"acac": ("test_300K", "test_600K"), "3bpa": ("mixed_300K", "mixed_600K", "mixed_1200K")}[one.molecule]
        if _ours(one) and one == max((each for each in ran if each.molecule == one.molecule), key=lambda e: e.steps):
            claims.append(_rising(one, [of(FORCEFIELD, forces_of(one.molecule, one.steps, t), "Gaunt") for t in tests]))
    return claims


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
        errors = [
            of(FORCEFIELD, training_of(molecule, steps, f"O(3) error of {what} {when}"), "Gaunt")
            for when in ("before", "after")
            for what in ("energy", "forces")
        ]
        claims.append(at_most("force field: O(3) errors before and after training at most 1e-4", errors, 1e-4))
    return claims


def _rising(one: ForceField, errors: Iterable[Value[GauntProducts]]) -> Claim[GauntProducts]:
    """Hotter test sets are harder."""
    all_of = tuple(errors)

    def values(result: GauntProducts) -> list[float]:
        return [value(result) for value in all_of]

    return Claim(
        f"force field: errors of forces on {one.molecule} grow with temperature",
        lambda r: values(r) == sorted(values(r)),
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
        at_least("mirror images: complete products recognise every shape", accuracy("all classes", "complete"), 1),
        at_most("mirror images: Gaunt products guess", accuracy("mirror images", "Gaunt"), 0.6),
        at_most(
            "mirror images: rotations move no logit by more than 1e-6",
            [*each("logits when turned", "Gaunt"), *each("logits when turned", "complete")],
            1e-6,
        ),
    ]
