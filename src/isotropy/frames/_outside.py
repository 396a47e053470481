"""The way there and back as ``torch.compile`` meets it: left out of every graph, and run as it is.

Imported while a wrapper is being compiled, and not before: ``torch.compiler.disable`` loads the compiler.
"""

from typing import Any

import torch

from isotropy.frames._batch_norm import batch_norms, uneven


def _there(
    model: Any, args: tuple[Any, ...], segments: Any, named: dict[str, Any]
) -> tuple[bool, Any, tuple[Any, ...], dict[str, Any]]:
    """What the backbone is called with; or True and the outputs, where it was called here already.

    That is in chunks, which are run again for the backward pass, and with batch norms that weigh their rows.
    """
    if model.chunk is not None:
        return True, model._averaged(args, segments, named), (), {}
    inputs, optic = model.prepared(args, segments, dict(named))
    copies, x = optic.forward(inputs.x)
    if batch_norms(model.backbone) and uneven(copies.weight):
        return True, model._averaged(args, segments, named), (), {}

    def asked(*given: Any, **by_name: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return given, by_name

    given, by_name = inputs.call(asked, inputs.inside(x, copies.inner), copies.inner)
    return False, (inputs, optic, copies), given, by_name


def _back(model: Any, journey: Any, y: Any) -> Any:
    """The outputs, from those of the backbone."""
    inputs, optic, copies = journey
    return inputs.outside(model.rep_out, optic.backward(copies, y))


there: Any = torch.compiler.disable(_there)
back: Any = torch.compiler.disable(_back)
