"""Solved bases are kept in memory and on disk; a damaged file is never believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from isotropy.groups import MatrixGroup, parse
from isotropy.reps import Scalar, Tensor, Vector, _basis, equivariant_basis
from isotropy.reps import _invariants as solver
from isotropy.reps._cache import Kept, cache_key, remembered
from isotropy.storage import cache_folder

G = parse("O(2)@z")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ISOTROPY_CACHE", str(tmp_path))
    forget()
    return tmp_path / "bases"


def forget() -> None:
    _basis._solved.cache_clear()
    solver._solved.cache_clear()


def solve() -> torch.Tensor:
    forget()
    return equivariant_basis(Tensor(2), Tensor(2), G).maps


def test_another_process_reads_what_the_first_has_solved(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = solve()
    assert len(list(folder.iterdir())) == 1

    def never(*_: object) -> None:
        raise AssertionError("solved again")

    monkeypatch.setattr(solver, "nullspace", never)
    assert torch.equal(solve(), first)


def test_equal_questions_give_the_same_object(folder: Path) -> None:
    forget()
    a = equivariant_basis(Vector("a"), 2 * Vector, G)
    assert equivariant_basis(Vector("b"), 2 * Vector("c"), parse("O(2)@z")) is a
    assert equivariant_basis(Vector, 2 * Vector, "O(2)@z") is a


@pytest.mark.parametrize("damage", ["cut", "empty", "bits", "other", "not a file of ours"])
def test_a_damaged_file_is_solved_again_and_replaced(
    folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = solve()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "bits":
        path.write_bytes(whole[:-8] + bytes([whole[-8] ^ 255]) + whole[-7:])
    elif damage == "other":
        save_file({"basis": torch.zeros(81, 10, dtype=torch.float64)}, path)
    else:
        path.write_text("import os")
    assert torch.equal(solve(), first)
    assert [p.name for p in folder.iterdir()] == [path.name]

    def never(*_: object) -> None:
        raise AssertionError("solved again")

    monkeypatch.setattr(solver, "nullspace", never)
    assert torch.equal(solve(), first)


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ISOTROPY_CACHE", str(tmp_path / "file"))
    assert solve().shape == (10, 9, 9)


def test_off_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOTROPY_CACHE", "off")
    assert cache_folder("bases") is None
    solve()
    assert not list(tmp_path.iterdir())


def test_groups_of_one_name_and_other_generators_do_not_meet(folder: Path) -> None:
    def dims(entry: float) -> int:
        forget()
        algebra = [[[0.0, entry, 0.0], [-entry, 0.0, 0.0], [0.0, 0.0, 1.0 - entry]]]
        return equivariant_basis(Tensor(2), Tensor(2), MatrixGroup("mine", algebra=algebra)).dim

    assert dims(1.0) == 19  # turns about z
    assert dims(0.5) != 19  # turns that also stretch z
    assert dims(1.0) == 19


def test_keys_tell_questions_apart() -> None:
    one = torch.eye(2, dtype=torch.float64)
    keys = {
        cache_key(["a"], [one]),
        cache_key(["b"], [one]),
        cache_key(["a"], [one, one]),
        cache_key(["a"], [one.float()]),
        cache_key(["a"], [one.flatten()]),
        cache_key(["a"], [2 * one]),
    }
    assert len(keys) == 6
    assert cache_key(["a"], [one]) == cache_key(["a"], [one.clone()])


def test_a_file_that_does_not_fit_the_question_is_not_taken(folder: Path) -> None:
    def solve(n: int) -> Callable[[], Kept]:
        return lambda: ({"basis": torch.eye(n, dtype=torch.float64)}, str(n))

    def fits(n: int) -> Callable[[Kept], bool]:
        return lambda kept: len(kept[0]["basis"]) == n

    assert remembered("key", solve(2), fits(2))[1] == "2"
    assert remembered("key", solve(3), fits(3))[1] == "3"
    assert remembered("key", solve(4), fits(3))[1] == "3"


def test_a_whole_basis_comes_back_in_one_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rep = 3 * Scalar + 2 * Vector + Tensor(2) + Tensor(3)
    forget()
    first = equivariant_basis(rep, rep, G)
    forget()
    monkeypatch.setattr(_basis, "invariants", None)  # calling it would raise
    again = equivariant_basis(rep, rep, G)
    assert again is not first
    assert (again.dim, again.gap, again.method) == (first.dim, first.gap, first.method)
    assert torch.equal(again.maps, first.maps)
