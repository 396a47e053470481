"""What to do about it, in one or two sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isotropy.discovery._verdicts import HOLDS, OR_NOISE, PRICE_TOLERANCE, Verdict
from isotropy.estimate import Estimate

_ALIKE = 2.0  # costs within this factor are no reason to take a smaller group


@dataclass(frozen=True)
class Finding:
    """One group as the recommendation sees it; ``cost_rmse`` in the unit of the targets, ``price`` with its ends.

    ``mostly`` says that surely more than half of the signal keeps it, read over whole orbits.
    """

    name: str
    verdict: Verdict
    cost_rmse: float
    price: Estimate
    imposed: bool = False
    note: str = ""
    mostly: bool = True


def recommend(findings: Sequence[Finding], contains: Mapping[str, Sequence[str]]) -> str:
    """The advice for these findings; ``contains`` lists for each group the candidates that are its subgroups.

    >>> high, none = Estimate(3.0, 2.5, 3.6, 100), Estimate(0.0, 0.0, 0.01, 100)
    >>> recommend([Finding("O(3)", "approximate", 0.81, high), Finding("O(2)@z", "no breaking detected", 0, none)],
    ...           {"O(3)": ["O(2)@z"]})
    'build in O(2)@z exactly; imposing O(3) would cost 0.81 RMSE'
    """
    if all(finding.verdict == "no signal" for finding in findings):
        return (
            "nothing to find: no model predicts these targets, so no symmetry can be judged: check the inputs before "
            "anything else"
        )
    parts: list[str] = []
    holding = _largest([f for f in findings if f.verdict in HOLDS and not f.imposed], contains)
    if holding:
        # "negligible" is found to be broken: the reader should know what building it in anyway costs.
        small = [f"{f.name} costs {priced(f.price.mean)} of the error" for f in holding if f.verdict == "negligible"]
        small += [f"{f.name} {f.note}" for f in holding if f.note]
        parts.append(f"build in {_names(holding)} exactly" + (f" ({', '.join(small)})" if small else ""))
    seen = _largest([f for f in findings if f.verdict == "none seen"], contains)
    inside = {name for f in seen for name in contains.get(f.name, ())}
    if seen and not holding:
        parts.append(f"build in {_names(seen)} if {_provided(seen)} keeps it too: {_rest(seen)}")
    elif unsure := [f for f in seen if not any(f.name in contains.get(h.name, ()) for h in holding)]:
        parts.append(f"{_names(unsure)} too, if {_provided(unsure)} keeps it: {_rest(unsure)}")
    parts += [f"{f.name}: {f.note}" for f in findings if f.note.startswith("wrong exponent")]
    findings = [f for f in findings if not f.note.startswith("wrong exponent")]
    approximate = [f for f in findings if f.verdict == "approximate" and f.name not in inside]
    above = _largest(approximate, contains)
    if above:
        worst = max(above, key=lambda f: f.cost_rmse)
        if holding or seen:
            parts.append(f"imposing {worst.name} would cost {worst.cost_rmse:.2g} RMSE")
        else:
            # Of those that cost about as little as the cheapest the largest: it says most.
            cheapest = min(f.cost_rmse for f in approximate)
            alike = [f for f in approximate if f.cost_rmse <= _ALIKE * cheapest]
            parts.append("build in none of these exactly; " + _softly(_largest(alike, contains)[0]))
    absent = [f for f in findings if f.verdict == "absent"]
    if absent:
        parts.append(f"leave out {_names(absent)}")
    broken = [f for f in findings if f.verdict == "undecided" and f.note]
    if broken:
        parts.append(f"{_names(broken)} {'is' if len(broken) == 1 else 'are'} broken, by how much is undecided")
    unclear = [f for f in findings if f.verdict == "undecided" and not f.note]
    if unclear:
        parts.append(f"{_names(unclear)} needs more data" if len(unclear) == 1 else f"{_names(unclear)} need more data")
    blind = [f for f in findings if f.verdict == "not identifiable"]
    if blind:
        parts.append(f"these inputs cannot tell about {_names(blind)}: compare models that are retrained with it")
    if absent and len(absent) == len(findings):
        parts.insert(0, "nothing to find: none of these symmetries holds")
    elif blind and len(blind) == len(findings):
        parts.insert(0, "nothing to find here")
    return "; ".join(parts) if parts else "keep an unconstrained model"


def priced(price: float) -> str:
    """A rise of the error in words: as a percentage, as a factor from 100 times on.

    >>> priced(0.04), priced(2745.0)
    ('+4.0%', 'x 2746')
    """
    return f"{price:+.1%}" if price < 99 else f"x {1 + price:.0f}"


def _softly(f: Finding) -> str:
    """A soft model wins where imposing the symmetry surely costs and yet most of the signal surely keeps it.

    Where imposing it may cost nothing, where half may break or moved inputs hardly occur, that is for trial.
    """
    cost = f"imposing it would cost {f.cost_rmse:.2g} RMSE, {priced(f.price.mean)} of the error"
    if f.price.low < PRICE_TOLERANCE:
        return f"compare models with and without {f.name} ({cost}, perhaps less)"
    return f"encourage {f.name} softly ({cost})" if f.mostly else f"compare models with and without {f.name} ({cost})"


def _provided(findings: Sequence[Finding]) -> str:
    """What must keep the symmetry: of a rest that is more than the noise, which is known, it cannot all be noise."""
    return "the rest is noise or" if any(OR_NOISE in f.note for f in findings) else "what was not learned"


def _rest(findings: Sequence[Finding]) -> str:
    return max(findings, key=lambda f: len(f.note)).note


def _largest(findings: Sequence[Finding], contains: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Those that no other of them contains."""
    return [f for f in findings if not any(f.name in contains.get(other.name, ()) for other in findings)]


def _names(findings: Sequence[Finding]) -> str:
    names = [finding.name for finding in findings]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
