"""``isotropy symmetries --parameters``: which directions of its parameters does a model not see?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from isotropy.cli._options import tell
from isotropy.errors import SchemaError


def unseen(model: str, data: str, out: Path | None, resume: bool) -> None:
    """Loads model and draws, asks, and shows the answer."""
    from isotropy.discovery import load_model
    from isotropy.physics import which_parameters
    from isotropy.study import answering

    if model.endswith(".pt2") or ":" not in model:
        raise SchemaError(f"--parameters {model}", "a function of parameters (p,)", "mypackage.models:predict")
    predict = load_model(model)
    thetas, names = _draws(data)
    with answering(out, resume, {"model": model, "data": data}) as answer:
        found = which_parameters(predict, thetas, names=names, about=model)
        found = answer.write(replace(found, **{key: answer.stamp()[key] for key in ("date", "command", "settings")}))
    tell(found, out)


def _draws(path: str) -> tuple[Any, list[str] | None]:
    """The array thetas of an .npz, float64, and the names, where it has them. No pickle is loaded."""
    import torch

    from isotropy.data.parts import open_archive

    wanted = "an .npz with an array thetas (K, p): draws of the parameters"
    if not Path(path).is_file():
        raise SchemaError(f"{path!r} beside --parameters", wanted)
    with open_archive(Path(path)) as held:
        arrays = {name: held[name] for name in held.files}
    if "thetas" not in arrays:
        raise SchemaError(f"{path} with {', '.join(sorted(arrays)) or 'no arrays'}", wanted)
    thetas = arrays["thetas"]
    if thetas.dtype.kind != "f":
        raise SchemaError(f"thetas of dtype {thetas.dtype}", "floats", "thetas.astype(float)")
    names = [str(name) for name in arrays["names"]] if "names" in arrays else None
    return torch.from_numpy(thetas.astype("float64")), names
