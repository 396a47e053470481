"""Files at the door: what is whole is read exactly, everything else is refused with one clear message."""

from __future__ import annotations

import gzip
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from isotropy.data import Dataset, load, read_schema, save
from isotropy.errors import DomainError, DtypeError, IsotropyError, MissingExtraError, SchemaError, ShapeError
from isotropy.random import spawn

SCHEMA = "x: Scalar + Vector\ny: Scalar\ndims: {space: 3}\n"
TABLE = SCHEMA + "columns: {x: [m, a, b, c], y: [e]}\n"


def rows(n: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    generator = spawn(0, "rows")
    return (
        torch.randn(n, 4, generator=generator, dtype=torch.float64),
        torch.randn(n, 1, generator=generator, dtype=torch.float64),
    )


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    path.write_text(SCHEMA)
    return path


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.yaml"
    path.write_text(TABLE)
    return path


def csv_text(x: torch.Tensor, y: torch.Tensor, header: str = "e,m,a,b,c") -> str:
    lines = [",".join(map(repr, [*y_row, *x_row])) for x_row, y_row in zip(x.tolist(), y.tolist(), strict=True)]
    return "\n".join([header, *lines]) + "\n"


# What is whole is read exactly.
def test_npz_round_trip(tmp_path: Path, schema: Path) -> None:
    x, y = rows()
    cluster = torch.arange(60) // 3
    data = load(save(tmp_path / "data.npz", x, y, cluster), schema=schema)
    assert torch.equal(data.x, x)
    assert torch.equal(data.y, y)
    assert data.cluster is not None
    assert torch.equal(data.cluster, cluster)
    assert data.units == 20
    assert data.truth is None
    assert "60 rows in 20 independent units" in data.describe()


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_csv_reads_columns_by_name(tmp_path: Path, table: Path, suffix: str) -> None:
    x, y = rows()
    text = csv_text(x, y)
    path = tmp_path / f"data{suffix}"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith("gz") else text.encode())
    data = load(path, schema=table)
    assert torch.equal(data.x, x)
    assert torch.equal(data.y, y)
    assert data.cluster is None


def test_parquet_reads_columns_and_clusters(tmp_path: Path, table: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    x, y = rows()
    columns = {name: x[:, i].numpy() for i, name in enumerate("mabc")} | {"e": y[:, 0].numpy()}
    columns |= {"who": np.array([f"p{i // 2}" for i in range(60)])}
    parquet.write_table(pyarrow.table(columns), tmp_path / "data.parquet")
    table.write_text(TABLE + "cluster: who\n")
    data = load(tmp_path / "data.parquet", schema=table)
    assert torch.equal(data.x, x)
    assert torch.equal(data.y, y)
    assert data.units == 30


def test_long_tables_are_read_in_pieces(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows()
    (tmp_path / "data.csv").write_text(csv_text(x, y))
    for piece in (1, 7, 60, 61):
        monkeypatch.setattr("isotropy.data._tables._PIECE", piece)
        data = load(tmp_path / "data.csv", schema=table)
        assert torch.equal(data.x, x)
        assert torch.equal(data.y, y)


def test_text_labels_number_the_clusters(tmp_path: Path, table: Path) -> None:
    x, y = rows(6)
    lines = csv_text(x, y).splitlines()
    labels = ["who", "ann", "bob", "ann", "cy", "bob", "ann"]
    (tmp_path / "data.csv").write_text("\n".join(f"{line},{who}" for line, who in zip(lines, labels, strict=True)))
    table.write_text(TABLE + "cluster: who\n")
    data = load(tmp_path / "data.csv", schema=table)
    assert data.cluster is not None
    assert data.cluster.tolist() == [0, 1, 0, 2, 1, 0]


def test_a_byte_order_mark_and_blank_last_lines_are_no_data(tmp_path: Path, table: Path) -> None:
    x, y = rows(5)
    (tmp_path / "data.csv").write_bytes(b"\xef\xbb\xbf" + csv_text(x, y).encode() + b"\n\n")
    assert load(tmp_path / "data.csv", schema=table).rows == 5


def test_single_precision_and_integers_become_float64_exactly(tmp_path: Path, schema: Path) -> None:
    x = np.arange(240).reshape(60, 4)
    np.savez(tmp_path / "data.npz", x=x, y=np.ones((60, 1), np.float32))
    data = load(tmp_path / "data.npz", schema=schema)
    assert data.x.dtype == data.y.dtype == torch.float64
    assert np.array_equal(data.x.numpy(), x)


def test_a_schema_may_be_given_in_python(tmp_path: Path) -> None:
    path = save(tmp_path / "data.npz", *rows())
    assert load(path, schema={"x": "Scalar + Vector", "y": "Scalar", "dims": {"space": 3}}).rows == 60
    assert load(path, schema={"x": "Scalar + Vector", "y": "Scalar"}).rows == 60  # 4 = 1 + d says d = 3


def test_save_replaces_a_file_whole_or_not_at_all(
    tmp_path: Path, schema: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = rows()
    path = save(tmp_path / "data.npz", x, y)
    before = path.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="no space"):
        save(path, x + 1, y)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir() if item.suffix == ".part"] == []


# Everything else is refused.
def refused(path: Path, schema: object, kind: type[IsotropyError], *words: str) -> None:
    with pytest.raises(kind) as caught:
        load(path, schema=schema)  # type: ignore[arg-type]
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_file_without_a_schema_says_how_to_write_one(tmp_path: Path) -> None:
    refused(save(tmp_path / "data.npz", *rows()), None, SchemaError, "--schema", "Vector")


def test_missing_files_and_other_kinds_of_files(tmp_path: Path, schema: Path) -> None:
    refused(tmp_path / "none.npz", schema, SchemaError, "no file", "none.npz")
    refused(tmp_path / "none", schema, SchemaError, "the data set", "inertia")
    (tmp_path / "data.pkl").write_bytes(pickle.dumps({"x": 1}))
    refused(tmp_path / "data.pkl", schema, SchemaError, "data.pkl", "pickles")
    refused(save(tmp_path / "data.npz", *rows()), tmp_path / "none.yaml", SchemaError, "none.yaml")
    refused(tmp_path / "folder.npz", schema, SchemaError, "no file")


def test_settings_belong_to_built_in_data(tmp_path: Path, schema: Path) -> None:
    path = save(tmp_path / "data.npz", *rows())
    with pytest.raises(SchemaError, match="settings nu for the file"):
        load(path, schema=schema, nu=0.3)
    with pytest.raises(SchemaError, match="a schema for inertia"):
        load("inertia", schema=schema)


def test_missing_arrays_are_named(tmp_path: Path, schema: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=np.ones((3, 4)), y=np.ones((3, 1)))
    refused(tmp_path / "data.npz", schema, SchemaError, "inputs, y", "arrays x, y")
    schema.write_text(SCHEMA + "cluster: who\n")
    refused(save(tmp_path / "data.npz", *rows()), schema, SchemaError, "arrays x, y, who")


def test_widths_must_equal_the_types(tmp_path: Path, schema: Path) -> None:
    x, y = rows()
    refused(save(tmp_path / "data.npz", x[:, :3], y), schema, SchemaError, "3", "4")
    refused(save(tmp_path / "data.npz", x, torch.cat([y, y], 1)), schema, SchemaError, "2", "1")


def test_object_arrays_and_pickles_are_never_loaded(tmp_path: Path, schema: Path) -> None:
    mark = tmp_path / "executed"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (mark,)  # type: ignore[return-value]

    bomb = np.array([[Bomb()] * 4] * 60, dtype=object)
    np.savez(tmp_path / "data.npz", x=bomb, y=np.ones((60, 1)))
    refused(tmp_path / "data.npz", schema, SchemaError, "pickled or object arrays")
    (tmp_path / "whole.npz").write_bytes(pickle.dumps(Bomb()))
    refused(tmp_path / "whole.npz", schema, SchemaError, "npz")
    np.savez(tmp_path / "who.npz", x=np.ones((60, 4)), y=np.ones((60, 1)), cluster=bomb[:, 0])
    refused(tmp_path / "who.npz", schema, SchemaError, "pickled or object arrays")
    assert not mark.exists()


@pytest.mark.parametrize("dtype", ["complex128", "U3", "S3", "datetime64[s]", "V8"])
def test_other_dtypes_are_refused(tmp_path: Path, schema: Path, dtype: str) -> None:
    np.savez(tmp_path / "data.npz", x=np.zeros((60, 4), dtype), y=np.ones((60, 1)))
    refused(tmp_path / "data.npz", schema, DtypeError, "x of dtype")


def test_integers_that_floats_cannot_hold_are_refused(tmp_path: Path, schema: Path) -> None:
    np.savez(tmp_path / "data.npz", x=np.full((60, 4), 2**53 + 1), y=np.ones((60, 1)))
    refused(tmp_path / "data.npz", schema, DtypeError, "2^53")


def test_numbers_that_are_none_are_listed(tmp_path: Path, schema: Path) -> None:
    x, y = (table.numpy() for table in rows())
    x[7, 2], x[9, 0] = np.nan, np.inf
    np.savez(tmp_path / "data.npz", x=x, y=y)
    refused(tmp_path / "data.npz", schema, DomainError, "2 rows of x", "7, 9")


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (np.ones(60), np.ones((60, 1)), ("x of shape (60,)", "[:, None]")),
        (np.ones((60, 4)), np.ones((60, 1, 1)), ("y of shape (60, 1, 1)",)),
        (np.ones((60, 4)), np.ones((59, 1)), ("60 rows of x and 59 of y",)),
        (np.ones((0, 4)), np.ones((0, 1)), ("at least one row",)),
        (np.ones((60, 4, 1)), np.ones((60, 1)), ("(60, 4, 1)",)),
    ],
)
def test_shapes_that_do_not_fit(
    tmp_path: Path, schema: Path, x: np.ndarray, y: np.ndarray, words: tuple[str, ...]
) -> None:
    np.savez(tmp_path / "data.npz", x=x, y=y)
    refused(tmp_path / "data.npz", schema, ShapeError, *words)


@pytest.mark.parametrize(
    ("cluster", "kind"),
    [
        (np.ones((60, 2), int), ShapeError),
        (np.ones(59, int), ShapeError),
        (np.full(60, np.nan), SchemaError),
        (np.ones(60, complex), DtypeError),
    ],
)
def test_clusters_that_do_not_fit(tmp_path: Path, schema: Path, cluster: np.ndarray, kind: type[IsotropyError]) -> None:
    np.savez(tmp_path / "data.npz", x=np.ones((60, 4)), y=np.ones((60, 1)), cluster=cluster)
    refused(tmp_path / "data.npz", schema, kind, "cluster")


def test_damaged_archives(tmp_path: Path, schema: Path) -> None:
    whole = save(tmp_path / "data.npz", *rows()).read_bytes()
    path = tmp_path / "torn.npz"
    for content in (b"", b"PK", whole[: len(whole) // 2], whole[:-10], b"\x93NUMPY\x01\x00", b"x" * 1000):
        path.write_bytes(content)
        refused(path, schema, SchemaError, "torn.npz")
    np.save(tmp_path / "single.npy", np.ones((60, 4)))
    path.write_bytes((tmp_path / "single.npy").read_bytes())
    refused(path, schema, SchemaError, "a single array")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", ("empty",)),
        (lambda text: "e,m,a,b,c\n", ("without rows",)),
        (lambda text: text.replace("e,m,a,b,c", "e,m,a,b,d"), ("no column 'c'",)),
        (lambda text: text.replace("e,m,a,b,c", "e,m,a,b,M1"), ("no column 'c'", "e, m, a, b, M1")),
        (lambda text: text.replace("e,m,a,b,c", "e,m,a,b,C"), ("no column 'c'", "write C")),
        (lambda text: text.partition("\n")[2], ("first line holds numbers", "names of the columns")),
        (lambda text: text.replace("e,m,a,b,c", "e,m,a,a,c"), ("'a' 2 times",)),
        (lambda text: text + "1,2,3\n", ("3 cells in line 62", "5")),
        (lambda text: text + "1,2,3,4,5,6\n", ("6 cells in line 62",)),
        (lambda text: text + "1,2,three,4,5\n", ("'three' in line 62, column 'a'",)),
        (lambda text: text + "1,2,,4,5\n", ("'' in line 62, column 'a'", "not filled in")),
        (lambda text: text + "1,2,1_000,4,5\n", ("'1_000'",)),
        (lambda text: text + '1,2,"open,4,5\n', ("data.csv",)),
    ],
)
def test_csv_that_cannot_be_meant(tmp_path: Path, table: Path, change: object, words: tuple[str, ...]) -> None:
    (tmp_path / "data.csv").write_text(change(csv_text(*rows())))  # type: ignore[operator]
    refused(tmp_path / "data.csv", table, SchemaError, *words)


def test_csv_with_numbers_that_are_none(tmp_path: Path, table: Path) -> None:
    (tmp_path / "data.csv").write_text(csv_text(*rows()) + "1,2,nan,4,5\n")
    refused(tmp_path / "data.csv", table, DomainError, "1 row of x (60;")


def test_csv_in_another_encoding_or_damaged(tmp_path: Path, table: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes("e,m,a,b,c\n1,2,3,4,é\n".encode("latin-1"))
    refused(path, table, SchemaError, "UTF-8")
    path.write_bytes(b"e,m,a,b,c\n1,2,3,4,\x005\n")
    refused(path, table, SchemaError, "data.csv")
    packed = tmp_path / "data.csv.gz"
    for content in (b"not gzip", gzip.compress(csv_text(*rows()).encode())[:-20]):
        packed.write_bytes(content)
        refused(packed, table, SchemaError, "data.csv.gz")


def test_a_cluster_column_needs_a_label_in_each_row(tmp_path: Path, table: Path) -> None:
    table.write_text(TABLE + "cluster: who\n")
    (tmp_path / "data.csv").write_text("e,m,a,b,c,who\n1,2,3,4,5,ann\n1,2,3,4,5,\n")
    refused(tmp_path / "data.csv", table, SchemaError, "empty cell of the column 'who'")
    (tmp_path / "data.csv").write_text("e,m,a,b,c,whom\n1,2,3,4,5,ann\n")
    refused(tmp_path / "data.csv", table, SchemaError, "no column 'who'", "write whom")


def test_tables_need_lists_of_columns(tmp_path: Path, schema: Path, table: Path) -> None:
    (tmp_path / "data.csv").write_text(csv_text(*rows()))
    refused(tmp_path / "data.csv", schema, SchemaError, "no columns of x")
    table.write_text(SCHEMA + "columns: {x: [m, a, b, c], y: [c]}\n")
    refused(tmp_path / "data.csv", table, SchemaError, "'c' twice")


def test_parquet_that_cannot_be_meant(tmp_path: Path, table: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "data.parquet"
    good: dict[str, object] = {name: [1.0, 2.0] for name in "mabce"}
    for change, words in (
        ({"a": [1.0, None]}, ("row 1, column 'a'",)),
        ({"a": ["1", "2"]}, ("column 'a' of type string",)),
        ({"a": [[1.0], [2.0]]}, ("column 'a'",)),
    ):
        parquet.write_table(pyarrow.table(good | change), path)
        refused(path, table, SchemaError, *words)
    parquet.write_table(pyarrow.table({"m": [1.0]}), path)
    refused(path, table, SchemaError, "no column 'a'")
    parquet.write_table(pyarrow.table({name: pyarrow.array([], pyarrow.float64()) for name in "mabce"}), path)
    refused(path, table, SchemaError, "without rows")
    path.write_bytes(path.read_bytes()[:-7])
    refused(path, table, SchemaError, "data.parquet")
    table.write_text(TABLE + "cluster: who\n")
    parquet.write_table(pyarrow.table(good | {"who": ["a", None]}), path)
    refused(path, table, SchemaError, "missing value in the column")


def test_parquet_without_its_reader_names_the_extra(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(tmp_path / "data.parquet", table, MissingExtraError, "isotropy[tables]")


# Schema files.
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("just text", ()),
        ("x: [", ()),
        ("x: Vector", ("'y'",)),
        ("x: Vector\ny: Scalar\ndim: {space: 3}", ("'dim'", "'dims'")),
        ("x: Vectr\ny: Scalar", ("Vectr",)),
        ("x: Vector\nx: Scalar\ny: Scalar", ("twice",)),
        ("x: !!python/object/apply:os.system ['true']\ny: Scalar", ("tag",)),
        ("x: !!bool maybe\ny: Scalar", ("tag",)),
        ("a: &a [1, 1]\nb: &b [*a, *a]\nx: *b\ny: Scalar", ("anchor or alias",)),
        ("x: Vector\ny: Scalar\ndims: {space: -1}", ()),
        ("x: Vector\ny: Scalar\ndims: {space: three}", ()),
        ("x: __import__('os').system('true')\ny: Scalar", ()),
        ("[" * 3000, ()),
        ("x: Vector\n---\ny: Scalar", ()),
    ],
)
def test_schema_files_that_cannot_be_meant(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    path = tmp_path / "schema.yaml"
    path.write_text(text)
    with pytest.raises(IsotropyError) as caught:
        read_schema(path)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_oversized_and_binary_schema_files(tmp_path: Path) -> None:
    path = tmp_path / "schema.yaml"
    path.write_bytes(b"x: Vector\n" + b"# long\n" * 200_000)
    with pytest.raises(SchemaError, match="more than"):
        read_schema(path)
    path.write_bytes(b"\xff\xfe\x00x")
    with pytest.raises(SchemaError, match="UTF-8"):
        read_schema(path)


# A Dataset is checked however it is made.
def test_a_dataset_refuses_what_a_file_would_be_refused_for() -> None:
    data = load("inertia", n=10)
    with pytest.raises(DtypeError):
        Dataset(x=data.x.to(torch.complex128), y=data.y, types=data.types)
    with pytest.raises(DomainError):
        Dataset(x=data.x / 0, y=data.y, types=data.types)
    with pytest.raises(SchemaError):
        save(Path("data.npy"), data.x, data.y)
