"""Whatever is thrown at the loaders, nothing is executed and only an IsotropyError comes out."""

from __future__ import annotations

import gzip
import io
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from isotropy.data import Dataset, load, read_schema
from isotropy.errors import IsotropyError

SCHEMA: dict[str, Any] = {"x": "Scalar + Vector", "y": "Scalar", "dims": {"space": 3}}
TABLE = SCHEMA | {"columns": {"x": ["m", "a", "b", "c"], "y": ["e"]}}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Bomb:
    """Unpickling this leaves a mark."""

    mark: Path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    Bomb.mark = tmp_path_factory.mktemp("fuzz") / "executed"
    pickle.loads(pickle.dumps(Bomb()))
    assert Bomb.mark.exists(), "a bomb that does not go off proves nothing"
    Bomb.mark.unlink()
    yield
    assert not Bomb.mark.exists()


def loaded(name: str | Path, **given: Any) -> Dataset | None:
    """What was loaded, or None where it was refused in the library's own words."""
    try:
        return load(name, **given)
    except IsotropyError as error:
        return None if error.given and error.expected else pytest.fail(f"an error without words: {error!r}")


def survives(name: str, content: bytes, schema: Any) -> None:
    """Loads the content, or refuses it in the library's own words."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        if isinstance(schema, bytes):
            (Path(folder) / "schema.yaml").write_bytes(schema)
            schema = Path(folder) / "schema.yaml"
        data = loaded(path, schema=schema)
        if data is not None:
            assert np.isfinite(data.x.numpy()).all()
            assert data.x.shape[0] == data.y.shape[0]
        assert path.read_bytes() == content, "a loader writes nothing"


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
floats = hnp.arrays(np.float64, st.one_of(shapes, st.just((5, 4)), st.just((5, 1))))
anything = st.one_of(
    floats,
    hnp.arrays(st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes(), hnp.byte_string_dtypes()), shapes),
    hnp.arrays(object, shapes, elements=st.builds(Bomb)),
    hnp.arrays(object, shapes, elements=st.one_of(st.none(), st.text(max_size=3), st.floats())),
)
names = st.sampled_from(["x", "y", "cluster", "z"])


@QUICK
@given(arrays=st.dictionaries(names, anything))
def test_any_arrays(arrays: dict[str, np.ndarray]) -> None:
    survives("data.npz", npz(**arrays), SCHEMA)


@QUICK
@given(x=hnp.arrays(np.float64, (6, 4)), y=hnp.arrays(np.float64, (6, 1)), cluster=anything)
def test_any_numbers_and_clusters(x: np.ndarray, y: np.ndarray, cluster: np.ndarray) -> None:
    survives("data.npz", npz(x=x, y=y, cluster=cluster), SCHEMA)


@QUICK
@given(at=st.integers(0, 700), byte=st.integers(0, 255), end=st.integers(1, 2000))
def test_any_damage_to_an_archive(at: int, byte: int, end: int) -> None:
    whole = bytearray(npz(x=np.ones((5, 4)), y=np.ones((5, 1))))
    whole[at % len(whole)] = byte
    survives("data.npz", bytes(whole[:end]), SCHEMA)
    survives("data.npz", bytes(whole), SCHEMA)


@QUICK
@given(name=st.sampled_from(["a.npz", "a.csv", "a.csv.gz", "a.parquet"]), content=st.binary(max_size=300))
@example(name="a.npz", content=b"\x80\x04N.")
@example(name="a.parquet", content=b"PAR1PAR1")
def test_any_bytes(name: str, content: bytes) -> None:
    survives(name, content, TABLE)
    survives(name, pickle.dumps(Bomb()) + content, TABLE)
    survives("a.csv.gz", gzip.compress(content), TABLE)


cells = st.one_of(st.floats().map(repr), st.text(max_size=5), st.sampled_from(["", "1e400", "0x10", "١", '"', ","]))


@QUICK
@given(
    header=st.lists(st.sampled_from([*"mabce", "", "é"]), max_size=7),
    rows=st.lists(st.lists(cells, max_size=7), max_size=4),
    cluster=st.sampled_from([None, "e", "who"]),
)
def test_any_csv(header: list[str], rows: list[list[str]], cluster: str | None) -> None:
    text = "\n".join(",".join(row) for row in [header, *rows])
    survives("data.csv", text.encode("utf-8", "surrogatepass"), TABLE | {"cluster": cluster})


@QUICK
@given(rows=st.lists(st.lists(st.floats(), min_size=5, max_size=5), min_size=1, max_size=4))
def test_any_table_of_floats(rows: list[list[float]]) -> None:
    text = "\n".join(["m,a,b,c,e", *(",".join(map(repr, row)) for row in rows)])
    survives("data.csv", text.encode(), TABLE)


plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
types = st.one_of(
    plain,
    st.text(alphabet="()*+.0123456789 SVTcaloretnsP\"'_", max_size=30),
    st.sampled_from(["Scalar + Vector", "4*Scalar", "Nodes", "Pixels(2, 2)", "999999999*Scalar", "Tensor(99)"]),
)


@QUICK
@given(
    schema=st.dictionaries(
        st.one_of(st.sampled_from(["x", "y", "dims", "columns", "cluster", "names"]), plain.map(str)), types
    )
)
@example(schema={"x": "Scalar + Vector", "y": "Scalar", "dims": {"space": 10**30}})
@example(schema={"x": "Scalar + Vector", "y": "Scalar", "columns": {"x": "mabc", "y": "e"}})
@example(schema={"x": "Tensor(60)", "y": "Scalar", "dims": {"space": 3}})
def test_any_mapping_as_a_schema(schema: dict[str, Any]) -> None:
    survives("data.npz", npz(x=np.ones((5, 4)), y=np.ones((5, 1))), schema)
    survives("data.csv", b"m,a,b,c,e\n1,2,3,4,5\n", {"x": "4*Scalar", "y": "Scalar"} | schema)


@QUICK
@given(text=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda t: t.encode("utf-8", "replace"))))
@example(text=b"x: !!python/object/apply:os.system [true]\ny: Scalar")
@example(text=b"x: !!timestamp no\ny: Scalar")
@example(text=b"? [1, 2]\n: 3\nx: Scalar\ny: Scalar")
@example(text=b"1: 2\nx: Scalar\ny: Scalar")
@example(text=b"x: 2001-01-99\ny: Scalar")
@example(text=b"<<: {x: Scalar}\ny: Scalar")
@example(text=b"x: 4*Scalar\ny: Scalar\ndims: {space: 0b}")
@example(text=b"x: 4*Scalar\ny: Scalar\ndims: {space: " + b"9" * 5000 + b"}")
def test_any_schema_file(text: bytes) -> None:
    survives("data.npz", npz(x=np.ones((5, 4)), y=np.ones((5, 1))), text)


@QUICK
@given(path=st.one_of(st.text(max_size=20), st.text(max_size=20).map(lambda t: t + ".npz")))
def test_any_name(path: str) -> None:
    with pytest.raises(IsotropyError):
        load(f"no such {path}", schema=SCHEMA)
    with pytest.raises(IsotropyError):
        read_schema(f"no such {path}")


@QUICK
@given(
    settings_=st.dictionaries(
        st.one_of(st.sampled_from(["nu", "axis", "u", "n", "inputs"]), st.text(max_size=5)), plain
    )
)
def test_any_settings(settings_: dict[str, Any]) -> None:
    if isinstance(settings_.get("n"), int | float) and settings_["n"] > 10_000:
        settings_ = settings_ | {"n": 10}  # a table that fills the memory is what was asked for
    loaded(
        "inertia", **{key: value for key, value in settings_.items() if key not in ("name", "name_or_path", "schema")}
    )
