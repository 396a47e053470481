"""One run, one directory: whole files, one writer, and a config that cannot change under a resumed run.

Files are of the few formats that hold data and never code.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import filelock
import numpy as np
import safetensors.torch
import yaml
from torch import Tensor, nn

from isotropy.errors import DomainError, SchemaError
from isotropy.storage import write_whole

PARTIAL = ".run"  # the hidden folder of a run directory: its lock, and files that are not whole yet


class RunDirectoryError(DomainError):
    """A directory that this run must not write into: not empty, in use, or of a run with another config."""


class Run:
    """A directory that one process writes: ``config.yaml``, results, ``metrics.jsonl``, weights, each file whole.

    An occupied directory is refused unless ``resume`` says that it is this run's own; a second simultaneous writer is
    refused (the lock belongs to the process, so that of a dead one is free). Raises ``RunDirectoryError``.
    A copy sent to another process is an attached run: it reads and writes files, and holds no lock.

    >>> import tempfile
    >>> with Run(tempfile.mkdtemp()) as run:
    ...     run.write("result.json", {"level": 0.95})
    ...     run.read("result.json")
    {'level': 0.95}
    """

    def __init__(self, path: str | os.PathLike[str], resume: bool = False) -> None:
        self.path = Path(path).absolute()
        self._lock: filelock.BaseFileLock | None = None
        if self.path.exists() and not self.path.is_dir():
            raise RunDirectoryError(f"the file {self.path}", "a directory, new or empty", "choose another --out")
        self._made = not self.path.exists()
        entries = {entry.name for entry in self.path.iterdir()} if self.path.exists() else set[str]()
        self._began_empty = not entries
        if entries - {PARTIAL} and not resume:
            raise RunDirectoryError(
                f"{self.path}, which is not empty",
                "a new or empty directory",
                "add --resume (resume=True) to continue that run, or choose another --out",
            )
        if entries and PARTIAL not in entries:
            raise RunDirectoryError(
                f"resume in {self.path}, which holds no run",
                "the directory of an interrupted run",
                "choose another --out",
            )
        partial = self.path / PARTIAL
        partial.mkdir(parents=True, exist_ok=True)
        self._lock = filelock.FileLock(partial / "lock")
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            self._lock = None
            raise RunDirectoryError(
                f"{self.path}, which another run is writing",
                "one run for each directory",
                "wait for it, or choose another --out",
            ) from None
        # We are the only writer: whatever is half written was left by a killed run.
        for draft in self.path.rglob(f"{PARTIAL}/*"):
            if draft.name != "lock":
                draft.unlink(missing_ok=True)
        self._mend_metrics()

    @classmethod
    def attach(cls, path: str | os.PathLike[str]) -> Run:
        """The run at ``path`` as a reader, or as the worker of its owner, sees it: no lock, nothing cleaned."""
        run = cls.__new__(cls)
        run.path, run._lock = Path(path).absolute(), None
        run._made = run._began_empty = False
        return run

    def part(self, name: str) -> Run:
        """An attached run in the folder ``name`` of this one, for a piece of work with files of its own."""
        return Run.attach(self.path / safe_name(name))

    def close(self) -> None:
        """Lets go of the directory; a closed run still reads and writes."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def take_back(self, written: Collection[str]) -> None:
        """Leaves the directory as it was found, where it was new or empty and holds nothing but files ``written``.

        For a question that was refused before there was work to keep: asked again, it finds its directory free.
        """
        there = {entry.name for entry in self.path.iterdir()} - {PARTIAL}
        if not self._began_empty or there - set(written):
            return
        self.close()
        for name in there:
            (self.path / name).unlink()
        shutil.rmtree(self.path / PARTIAL)
        if self._made:
            self.path.rmdir()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return Run.attach, (self.path,)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def config(self) -> dict[str, Any]:
        """What ``configure`` recorded; empty before."""
        return self.read("config.yaml") if self.has("config.yaml") else {}

    def configure(self, config: Mapping[str, Any]) -> None:
        """Records the settings of this run; a resumed one has the same, or ``RunDirectoryError`` names the keys."""
        given = json.loads(json_text(dict(config), "the config"))
        if not self.has("config.yaml"):
            self.write("config.yaml", given)
            return
        before, now = _flat(self.config), _flat(given)
        differing = [
            f"{key} = {now.get(key, '(not set)')} (was {before.get(key, '(not set)')})"
            for key in sorted(before.keys() | now.keys())
            if before.get(key) != now.get(key)
        ]
        if differing:
            raise RunDirectoryError(
                f"to resume {self.path} with {', '.join(differing)}",
                "the settings that the run was begun with",
                "repeat them, or choose another --out",
            )

    def write(self, name: str, content: Any) -> None:
        """Writes a whole file or none: ``.json .jsonl .yaml``, ``.npz`` (arrays), ``.safetensors``, text or bytes."""
        write_whole(self.path / safe_name(name), encode(name, content), self.path / PARTIAL)

    def read(self, name: str) -> Any:
        """The content of a file; raises ``FileNotFoundError`` where there is none, ``SchemaError`` if it is damaged."""
        data = (self.path / safe_name(name)).read_bytes()
        try:
            return decode(name, data)
        except (ValueError, OSError, KeyError, yaml.YAMLError, safetensors.SafetensorError) as error:
            raise SchemaError(f"{self.path / name}: {error}", "a file that this run wrote", "delete it") from error

    def has(self, name: str) -> bool:
        """Whether the file is there; if it is, it is whole."""
        return (self.path / safe_name(name)).is_file()

    def metrics(self, row: Mapping[str, Any]) -> None:
        """Appends a row to ``metrics.jsonl``; a number that is not finite is recorded as null (read: ``read``)."""
        finite = {key: None if isinstance(v, float) and not math.isfinite(v) else v for key, v in row.items()}
        line = json_text(finite, "a row of metrics").encode() + b"\n"
        self.path.mkdir(parents=True, exist_ok=True)
        # One unbuffered write of one line: a killed process leaves at most a torn last line, which readers ignore.
        with open(self.path / "metrics.jsonl", "ab", buffering=0) as file:
            file.write(line)

    def save(self, module: nn.Module, name: str = "model.safetensors") -> None:
        """Writes the weights and buffers of ``module``."""
        # save_model knows which tensors are tied and keeps one of each.
        path, partial = self.path / safe_name(name), self.path / PARTIAL
        write_whole(path, lambda draft: _save_model(module, draft), partial)

    def load(self, module: nn.Module, name: str = "model.safetensors") -> None:
        """Reads weights into ``module``; raises ``SchemaError`` where the file is of another architecture."""
        path = self.path / safe_name(name)
        if not path.is_file():
            raise FileNotFoundError(path)
        try:
            safetensors.torch.load_model(module, path)
        except (RuntimeError, safetensors.SafetensorError) as error:
            raise SchemaError(f"{path}: {error}", f"the weights of a {type(module).__name__}") from error

    def _mend_metrics(self) -> None:
        path = self.path / "metrics.jsonl"
        if path.is_file():
            data = path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(path, whole)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Every setting by its dotted name, as JSON text."""
    flat: dict[str, str] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            flat |= _flat(cast(dict[str, Any], value), f"{prefix}{key}.")
        else:
            flat[prefix + key] = json.dumps(value)
    return flat


def encode(name: str, content: Any) -> bytes:
    """The bytes of ``content`` in the format that the suffix of ``name`` says; raises ``DomainError`` if it cannot."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return json_text(content, name, indent=1).encode() + b"\n"
    if suffix == ".jsonl":
        return b"".join(json_text(row, name).encode() + b"\n" for row in cast(Iterable[Any], content))
    if suffix in (".yaml", ".yml"):
        json_text(content, name)  # what JSON holds is what we write: no tags, nothing that a reader would construct
        return yaml.safe_dump(content, sort_keys=True, allow_unicode=True).encode()
    if suffix == ".npz":
        return _npz(name, cast(Mapping[str, Any], content))
    if suffix == ".safetensors":
        # Contiguous copies: tied weights may share memory, which the format refuses.
        return safetensors.torch.save(
            {key: value.detach().clone().contiguous() for key, value in cast(Mapping[str, Tensor], content).items()}
        )
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    raise DomainError(
        f"{type(content).__name__} for {name}", "text or bytes", "or a name ending in .json .yaml .npz .safetensors"
    )


def decode(name: str, data: bytes) -> Any:
    """What ``encode`` wrote; other suffixes come back as text where they are UTF-8, else as bytes."""
    suffix = Path(name).suffix
    if suffix == ".json":
        return json.loads(data)
    if suffix == ".jsonl":
        # A last line without its end was torn by a crash.
        return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
    if suffix in (".yaml", ".yml"):
        return yaml.safe_load(data)
    if suffix == ".npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    if suffix == ".safetensors":
        return safetensors.torch.load(data)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def json_text(content: Any, what: str, indent: int | None = None) -> str:
    """``content`` as JSON with sorted keys; refuses NaN, infinities and objects that JSON does not know."""
    try:
        return json.dumps(content, allow_nan=False, sort_keys=True, indent=indent)
    except (TypeError, ValueError) as error:
        raise DomainError(
            f"{what}: {error}",
            "finite numbers, text, booleans, None, lists, and dictionaries with text keys",
            "float(x), x.tolist(), or None for a number that does not exist",
        ) from error


def _npz(name: str, content: Mapping[str, Any]) -> bytes:
    arrays = {key: np.asarray(value) for key, value in content.items()}
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise DomainError(f"{name}: array {key!r} of dtype object", "numbers, booleans or text of fixed width")
    buffer = io.BytesIO()
    np.savez(buffer, **cast(Any, arrays))
    return buffer.getvalue()


def safe_name(name: str) -> Path:
    """``name`` as a path inside a run directory; raises ``SchemaError`` if it leads out of it.

    >>> safe_name("jobs/a.npz").as_posix()
    'jobs/a.npz'
    """
    path = Path(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or path.parts[0] == PARTIAL:
        raise SchemaError(f"the name {name!r}", "a relative path inside the run directory")
    return path


def _save_model(module: nn.Module, draft: Path) -> None:
    """``save_model``, which tells a full disk and the like in an error of its own."""
    try:
        safetensors.torch.save_model(module, str(draft))
    except safetensors.SafetensorError as error:
        if found := re.search(r"os error (\d+)", str(error)):
            code = int(found[1])
            raise OSError(code, os.strerror(code), str(draft)) from error
        raise
