"""Files of supernovae: what is read, what is refused with its row, and the covariance that a person brings."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from isotropy.data import SUPERNOVAE, list_datasets, verify
from isotropy.errors import DomainError, IsotropyError, SchemaError, ShapeError
from isotropy.physics.cosmology import FlatLambdaCDM
from isotropy.physics.supernovae import (
    Fixed,
    Gaussian,
    SampleWarning,
    SNLikelihood,
    SNSample,
    load_covmat,
    load_des5yr,
    load_lcparam,
    load_pantheon_plus,
    load_sample,
)

HEADER = "#name zcmb zhel dz mb dmb x1 dx1 color dcolor 3rdvar d3rdvar cov_m_s cov_m_c cov_s_c set ra dec biascor "
TAIL = " 0" * 12
ROWS = ["a 0.1 0.11 0 19.0 0.1", "b\t0.2 0.21\t0 20.5 0.1", "c 0.4 0.41 0 22.1 0.2"]


def written(folder: Path, rows: list[str], header: str = HEADER, name: str = "sample.txt") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *(row + TAIL for row in rows)]) + "\n")
    return path


def test_nineteen_names_above_eighteen_columns_and_tabs_are_read(tmp_path: Path) -> None:
    found = load_lcparam(written(tmp_path, ROWS))
    assert found.z_cmb.tolist() == [0.1, 0.2, 0.4]
    assert found.hel.tolist() == [0.11, 0.21, 0.41]
    assert found.mb.tolist() == [19.0, 20.5, 22.1]
    assert found.err.tolist() == [0.1, 0.1, 0.2]
    assert found.ids == ("a", "b", "c")


@pytest.mark.parametrize(("name", "n", "cov"), [("pantheon", 1048, 0), ("pantheon-zhel", 1048, 0),
                                               ("pantheon-binned", 40, 40), ("union3", 22, 22)])  # fmt: skip
def test_published_samples(name: str, n: int, cov: int) -> None:
    sample = load_sample(name)
    assert len(sample) == n
    assert (0 if sample.cov is None else len(sample.cov)) == cov
    if name == "pantheon-zhel":
        assert float((sample.hel - sample.z_cmb).abs().max()) > 1e-4


@pytest.mark.parametrize(("name", "n"), [("pantheon-plus", 1701), ("des-5yr", 1829)])
def test_diagonal_errors_warn(name: str, n: int) -> None:
    with pytest.warns(SampleWarning, match="diagonal errors only"):
        assert len(load_sample(name)) == n


def test_the_registry_knows_them() -> None:
    names = {entry.name for entry in list_datasets(every=True)}
    assert set(SUPERNOVAE) <= names
    found = verify("pantheon-binned")
    assert found.ok
    assert len(found.details) == 2
    licences = {e.name: e.licence for e in list_datasets(every=True) if e.name in SUPERNOVAE}
    assert licences["pantheon"] == "MIT"
    assert licences["union3"].startswith("none stated")
    with pytest.raises(SchemaError, match="pantheon-zhel"):
        load_sample("phanteon")


def spoiled(row: str) -> Callable[[Path], Path]:
    return lambda folder: written(folder, [ROWS[0], row, ROWS[2]])


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda f: (f / "s.txt").write_text(HEADER + "\na 0.1 0.1 0 19\n") and f / "s.txt", SchemaError, "line 2"),
        (lambda f: (f / "s.txt").write_text("a 1. 1. 0 1. 1. 0\nb 1. 1. 0 1. 1.\n") and f / "s.txt", SchemaError,
         "line 2"),
        (spoiled("b 0.2 0.21 0 bright 0.1"), SchemaError, "'bright' in line 3"),
        (spoiled("b nan 0.21 0 20 0.1"), DomainError, "z_cmb = nan in row 1"),
        (spoiled("b 0.0 0.21 0 20 0.1"), DomainError, "z_cmb = 0.0 in row 1"),
        (spoiled("b -0.1 0.21 0 20 0.1"), DomainError, "z_cmb = -0.1 in row 1"),
        (spoiled("b 0.2 0.21 0 20 -0.1"), DomainError, "err = -0.1 in row 1"),
        (spoiled("a 0.1 0.11 0 19.0 0.1"), DomainError, "row 1 .* repeats row 0"),
        (lambda f: written(f, []), SchemaError, "without a row"),
        (lambda f: f / "none.txt", SchemaError, "none.txt"),
        (lambda f: f, SchemaError, "a file that exists"),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_by_their_number(
    tmp_path: Path, make: Callable[[Path], Path], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        load_lcparam(make(tmp_path))


def test_a_binary_file_under_a_text_name_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was-run"

    class Touch:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return (Path.touch, (mark,))

    for content in (pickle.dumps(Touch()), b"\x1f\x8bnot gzip", b"a 0.1\0 0.1 0 19 0.1\n"):
        path = tmp_path / "sample.txt"
        path.write_bytes(content)
        for read in (load_lcparam, load_covmat, load_pantheon_plus, load_des5yr):
            with pytest.raises(SchemaError, match="binary"):
                read(path)
    assert not mark.exists()


def cov_file(folder: Path, text: str) -> Path:
    path = folder / "cov.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("3\n" + "0.01\n" * 8, SchemaError, "8 values after N = 3.*9 values"),
        ("2\n" + "0.01\n" * 4, ShapeError, "2 rows for 3 supernovae"),
        ("3\n1 0 0\n0.1 1 0\n0 0 1", DomainError, r"0 at \(0, 1\) and 0.1 at \(1, 0\)"),
        ("3\n1 0 0\n0 x 0\n0 0 1", SchemaError, "'x'"),
        ("three\n1", SchemaError, "'three'"),
        ("3\n1 0 0\n0 nan 0\n0 0 1", DomainError, "NaN"),
    ],
)
def test_bad_covariances_are_refused(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_lcparam(written(tmp_path, ROWS), cov_file(tmp_path, text))


def test_an_indefinite_covariance_names_its_smallest_eigenvalue(tmp_path: Path) -> None:
    path = cov_file(tmp_path, "3\n0 0.1 0\n0.1 0 0\n0 0 0")
    sample = load_lcparam(written(tmp_path, ROWS), path)
    with pytest.raises(DomainError, match=r"smallest eigenvalue -0\.09"):
        SNLikelihood(sample, "stat+sys")
    SNLikelihood(sample, "stat")  # its errors are fine


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"cov": "sys"}, "cov='sys'"), ({"cov": "stat+sys"}, "no covariance"), ({"offset": "free"}, "offset='free'")],
)
def test_unknown_words_are_refused(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    with pytest.raises(DomainError, match=said):
        SNLikelihood(load_lcparam(written(tmp_path, ROWS)), **settings)


def test_offsets_that_are_none_are_refused() -> None:
    for make in (lambda: Gaussian(0.0, 0.0), lambda: Fixed(-19.3, 0.0), lambda: Gaussian(float("nan"), 1.0)):
        with pytest.raises(IsotropyError, match="given"):
            make()


def test_without_heliocentric_redshifts_the_others_stand_in_and_it_is_said() -> None:
    z = torch.tensor([0.1, 0.2], dtype=torch.float64)
    with pytest.warns(SampleWarning, match="no z_hel"):
        assert SNSample(z, None, z, z).hel is z
    with pytest.raises(ShapeError, match="mb of shape"):
        SNSample(z, z, z[:1], z)


def test_a_person_who_has_the_covariance_gets_the_whole_result(tmp_path: Path) -> None:
    """The 1048 x 1048 matrix and that of Pantheon+ are files of this form; here smaller ones, made for the test."""
    lower = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 10
    C = lower @ lower.mT
    path = cov_file(tmp_path, "3\n" + "\n".join(f"{float(v):.17g}" for v in C.flatten()))
    sample = load_lcparam(written(tmp_path, ROWS), path)
    lik = SNLikelihood(sample, "stat+sys")
    P = torch.linalg.inv(C + torch.diag(sample.err**2))
    d = sample.mb - lik.magnitudes(FlatLambdaCDM(0.3))[0]
    expected = d @ P @ d - (P @ d).sum() ** 2 / P.sum()
    assert float(lik.chi2(FlatLambdaCDM(0.3))) == pytest.approx(float(expected), rel=1e-9)
    header = "CID zHD zHEL m_b_corr m_b_corr_err_DIAG"
    plus = tmp_path / "plus.dat"
    plus.write_text(header + "\n" + "\n".join("abc"[i] + f" 0.{i + 1} 0.{i + 1} {19 + i}.0 0.1" for i in range(3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        total = SNLikelihood(load_pantheon_plus(plus, path), "stat+sys")
    assert pytest.approx(float(torch.linalg.inv(C).sum()), rel=1e-9) == total.E  # all of the error, counted once
    (tmp_path / "bad.dat").write_text("CID zHD zHEL\na 1. 1.\n")
    with pytest.raises(SchemaError, match="m_b_corr"):
        load_pantheon_plus(tmp_path / "bad.dat")
