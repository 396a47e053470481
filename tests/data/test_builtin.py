"""Built-in data: pictures cut as stated, pedestrians counted as published, files known by their checksum."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from isotropy import discover
from isotropy.data import SUPERNOVAE, DataNotFoundError, list_datasets, load, verify
from isotropy.data._real import PHOTOGRAPHS, TRACKS, cut, photographs, read_tracks, ring_and_centre, windows
from isotropy.data.synthetic import MOTIONS, PROBLEMS
from isotropy.data.zoo import LAWS
from isotropy.errors import DomainError, SchemaError
from isotropy.groups import parse


# The registry.
def test_every_entry_says_what_and_whence() -> None:
    entries = {entry.name: entry for entry in list_datasets()}
    laws = {f"zoo/{name}" for name in LAWS}
    real = {"photos", "digits", "eth-ucy", "eth-ucy-motion", "diabetes", "linnerud", "planets"}
    assert set(entries) == {*PROBLEMS, *MOTIONS, *laws, *real}
    for entry in entries.values():
        assert entry.title
        assert entry.story.endswith(".")
        assert entry.source
        assert entry.licence
    assert {entries[name].kind for name in (*PROBLEMS, *MOTIONS, *laws)} == {"computed"}
    assert {entries[name].kind for name in ("photos", "digits", "diabetes", "linnerud")} == {"embedded"}
    assert entries["eth-ucy"].kind == "mirrored"
    assert entries["photos"].available
    assert entries["eth-ucy"].settings == {"centre": "last", "stride": 1}


def test_what_is_no_table_is_listed_with_its_reader(real_data: Path) -> None:
    others = {entry.name: entry for entry in list_datasets(every=True) if entry not in list_datasets()}
    made = {"capsule-people", "rooms"}
    molecules = {"acac", "3bpa"}
    filed = {"charged", "exp", "graph8c", "sr25", "tu", "cad", "shapes", "tsplib", "cmu-131", "mnist-10k"} | molecules
    filed |= {"office-caltech", "meshes"}
    filed |= set(SUPERNOVAE)  # read by physics, which has their covariances
    assert set(others) == made | filed
    for name, entry in others.items():
        assert (not entry.files) == (name in made)
        assert verify(name).ok, str(verify(name))
        with pytest.raises(
            SchemaError, match=r"not a table.*isotropy\.(data|data\.render|physics\.supernovae)\.(load|read)_"
        ):
            load(name)


@pytest.mark.parametrize("name", [*PROBLEMS, *MOTIONS, "photos", "digits", "diabetes", "linnerud"])
def test_what_ships_is_intact(name: str) -> None:
    assert verify(name).ok, str(verify(name))


@pytest.mark.parametrize("name", [*PROBLEMS, *MOTIONS, "photos", "digits", "diabetes"])
def test_what_is_built_in_passes_the_check_of_its_schema(name: str) -> None:
    data = load(name)
    x, y = data.types.check(data.x, data.y)  # a warning, such as that of standardised axes, would be an error here
    assert (x.shape, y.shape) == (data.x.shape, data.y.shape)
    for group in data.groups:
        data.types.check(data.x, data.y, parse(group))


def test_twenty_men_are_refused_in_so_many_words() -> None:
    with pytest.raises(SchemaError, match="given 20 rows; expected at least 50; fewer say nothing about a symmetry"):
        discover(load("linnerud"))


@pytest.mark.usefixtures("real_data")
def test_pedestrians_pass_the_check_of_their_schema() -> None:
    for centre in ("last", "none"):
        data = load("eth-ucy", centre=centre)
        for group in data.groups:
            data.types.check(data.x, data.y, parse(group))


def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(SchemaError, match=r"inertia, cossim.*write photos"):
        load("photo")
    with pytest.raises(SchemaError, match="given the data set 'zzz'"):
        verify("zzz")


def test_files_that_are_missing_say_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOTROPY_DATA", str(tmp_path))
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache")
    with pytest.raises(DataNotFoundError, match=r"ISOTROPY_DATA.*PI-STGCN2"):
        load("eth-ucy")
    assert not verify("eth-ucy").ok
    assert "ISOTROPY_DATA" in str(verify("eth-ucy"))
    assert not next(entry for entry in list_datasets() if entry.name == "eth-ucy").available


def test_files_that_were_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ISOTROPY_DATA", str(tmp_path))
    (tmp_path / Path(TRACKS.path).name).write_bytes(b"something else")
    with pytest.raises(SchemaError, match="SHA-256"):
        load("eth-ucy")
    assert not verify("eth-ucy").ok


def test_a_file_is_found_below_the_folder_or_directly_in_it(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert verify("eth-ucy").ok
    (tmp_path / Path(TRACKS.path).name).write_bytes((real_data / TRACKS.path).read_bytes())
    monkeypatch.setenv("ISOTROPY_DATA", str(tmp_path))
    assert verify("eth-ucy").ok
    assert str(tmp_path) in str(verify("eth-ucy"))


# Photographs.
def test_photos_are_enough_patches_in_enough_disjoint_cells() -> None:
    data = load("photos")
    assert data.rows == 27_648
    assert data.units == 192
    assert data.x.shape[1:] == (40,)
    assert data.y.shape[1:] == (9,)
    assert float(data.x.mean(1).abs().max()) < 1e-12
    assert data.cluster is not None
    assert torch.bincount(data.cluster).tolist() == [144] * 192
    assert data.split is not None
    assert sorted(torch.cat(list(data.split.values())).tolist()) == list(range(data.rows))
    pictures = photographs()
    assert [tuple(picture.shape) for picture in pictures] == [(427, 640)] * 2
    assert 0 <= float(torch.stack(pictures).min()) < float(torch.stack(pictures).max()) <= 1


def test_cells_share_no_pixel_and_patches_are_where_they_should_be() -> None:
    numbered = torch.arange(106 * 160, dtype=torch.float64).reshape(106, 160)
    patches, cells = cut(numbered, cell=53, stride=4)
    assert cells.unique().tolist() == list(range(6))
    seen = [set(patches[cells == cell].flatten().tolist()) for cell in range(6)]
    assert sum(len(one) for one in seen) == len(set().union(*seen))
    assert torch.equal(patches[0], numbered[:7, :7])
    assert torch.equal(patches[1], numbered[:7, 4:11])
    assert torch.equal(patches[144], numbered[:7, 53:60])


def test_ring_and_centre_transform_as_pixels() -> None:
    data = load("photos", stride=40)
    generator = torch.Generator().manual_seed(0)
    patches = torch.rand(3, 7, 7, generator=generator, dtype=torch.float64)
    ring, centre = ring_and_centre(patches)
    quarter, flipped = ring_and_centre(torch.rot90(patches, 1, (1, 2))), ring_and_centre(patches.flip(2))
    # Elements one for each row. A positive angle turns counter-clockwise as displayed, as rot90 does; O(1)@y flips x.
    turn = parse("C(4)")
    g = next(e for e in turn.elements() if torch.allclose(e.double(), torch.tensor([[0.0, -1.0], [1.0, 0.0]]).double()))
    g = g.double().expand(3, 2, 2)
    assert torch.allclose(data.types.x.act(turn, g, ring), quarter[0])
    assert torch.allclose(data.types.y.act(turn, g, centre), quarter[1])
    mirror = parse("O(1)@y")
    h = torch.diag(torch.tensor([-1.0, 1.0], dtype=torch.float64)).expand(3, 2, 2)
    assert torch.allclose(data.types.x.act(mirror, h, ring), flipped[0])
    assert torch.allclose(data.types.y.act(mirror, h, centre), flipped[1])


def test_linear_predictors_of_photographs_respect_the_point_reflection_most() -> None:
    # The autocorrelation of a stationary image is even: the least-squares map nearly commutes with C(2), and only
    # with C(2): quarter turns exchange the level and the upright, mirrors the two diagonals.
    data = load("photos")
    W = torch.linalg.lstsq(data.x[:, :39], data.y).solution
    fit = data.x[:, :39] @ W

    def change(name: str) -> float:
        group = parse(name)
        moved = []
        for element in group.elements().double():
            g = element.expand(data.rows, 2, 2)
            turned = data.types.x.act(group, g, data.x)
            moved.append(data.types.y.act(group, group.inverse(g), turned[:, :39] @ W))
        return float((fit - torch.stack(moved).mean(0)).square().sum() / fit.square().sum())

    assert change("C(2)") < 0.01
    assert min(change(name) for name in ("C(4)", "O(1)@x", "O(1)@y")) > 5 * change("C(2)")


@pytest.mark.parametrize("settings", [{"stride": 0}, {"cell": 5}, {"cell": 500}])
def test_photos_refuse_impossible_settings(settings: dict[str, int]) -> None:
    with pytest.raises(DomainError):
        load("photos", **settings)


# Digits.
def test_digits_are_one_hot() -> None:
    data = load("digits")
    assert data.rows == 1797
    assert data.cluster is None
    assert torch.equal(data.y.sum(1), torch.ones(1797, dtype=torch.float64))
    assert torch.equal(data.x.max(), torch.tensor(1.0, dtype=torch.float64))
    assert torch.equal(data.x.min(), torch.tensor(0.0, dtype=torch.float64))
    # Row by row, row 0 at the top: an upright 1 is higher than it is wide.
    one = data.x[data.y[:, 1] == 1].mean(0).reshape(8, 8)
    assert float(one[:, 3:5].sum()) > 1.5 * float(one[3:5].sum())


# Pedestrians.
WINDOWS = {"eth": 2614, "hotel": 1197, "univ1": 14295, "univ3": 10039, "zara1": 2214, "zara2": 5721}
ROWS = {"eth": 8908, "hotel": 6544, "univ1": 21813, "univ3": 17953, "zara1": 5005, "zara2": 9518}
STEP = {"eth": 0.554, "hotel": 0.416, "univ1": 0.224, "univ3": 0.285, "zara1": 0.427, "zara2": 0.314}
WALKERS = {"eth": 360, "hotel": 390, "univ1": 415, "univ3": 434, "zara1": 148, "zara2": 204}


@pytest.mark.usefixtures("real_data")
def test_windows_of_each_scene_are_as_many_as_published() -> None:
    data = load("eth-ucy", centre="none")
    assert data.split is not None
    assert {scene: len(index) for scene, index in data.split.items()} == WINDOWS
    assert data.rows == sum(WINDOWS.values())
    assert data.cluster is not None
    for scene, index in data.split.items():
        # A pedestrian seen for fewer than twenty steps gives no window.
        assert 0.3 * WALKERS[scene] < len(data.cluster[index].unique()) <= WALKERS[scene]
    assert data.units == sum(len(data.cluster[index].unique()) for index in data.split.values())
    assert data.imposed == {}


def test_steps_are_as_long_as_published(real_data: Path) -> None:
    scene, frame, pedestrian, position, names = read_tracks(real_data / TRACKS.path)
    assert {name: int((scene == i).sum()) for i, name in enumerate(names)} == ROWS
    assert {name: len(pedestrian[scene == i].unique()) for i, name in enumerate(names)} == WALKERS
    same = (scene[1:] == scene[:-1]) & (pedestrian[1:] == pedestrian[:-1])
    for i, name in enumerate(names):
        at = same & (scene[1:] == i)
        gap, length = frame.diff()[at], position.diff(dim=0)[at].norm(dim=1)
        assert int(gap.min()) == (6 if name == "eth" else 10)
        assert float(length[gap == gap.min()].mean()) == pytest.approx(STEP[name], abs=6e-4), name


@pytest.mark.usefixtures("real_data")
def test_centring_puts_the_last_observed_position_at_the_origin() -> None:
    raw, centred = load("eth-ucy", centre="none"), load("eth-ucy")
    assert float(centred.x[:, 14:].abs().max()) == 0
    assert torch.allclose(centred.y.unflatten(1, (12, 2)) + raw.x[:, None, 14:], raw.y.unflatten(1, (12, 2)))
    assert centred.imposed["T(2)"].startswith("imposed by centring")
    assert "T(2): imposed by centring" in centred.describe()


@pytest.mark.usefixtures("real_data")
def test_stride_thins_each_track() -> None:
    whole, thin = load("eth-ucy", centre="none"), load("eth-ucy", centre="none", stride=20)
    assert whole.units == thin.units
    assert thin.units <= thin.rows < whole.rows / 10
    assert whole.cluster is not None
    assert thin.cluster is not None
    most = torch.bincount(whole.cluster)
    assert bool((torch.bincount(thin.cluster) <= most // 20 + most.clamp_max(5)).all())
    with pytest.raises(DomainError):
        load("eth-ucy", stride=0)


def test_windows_do_not_cross_gaps_pedestrians_or_scenes() -> None:
    frame = torch.cat([10 * torch.arange(25), 10 * torch.arange(21), 6 * torch.arange(20), 400 + 10 * torch.arange(20)])
    frame[12:25] += 10  # a gap inside the first track: 12 and 13 steps, no window
    scene = torch.tensor([0] * 46 + [1] * 20 + [2] * 20)
    pedestrian = torch.tensor([0] * 25 + [1] * 21 + [0] * 20 + [1] * 20)
    start, walker = windows(scene, frame, pedestrian, stride=1)
    assert start.tolist() == [25, 26, 46, 66]
    assert walker.tolist() == [0, 0, 1, 2]


def test_checksums_are_of_the_right_length() -> None:
    assert all(len(file.sha256) == 64 for file in (*PHOTOGRAPHS, TRACKS))


def test_a_file_of_the_same_name_is_told_from_built_in_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inertia").mkdir()
    with pytest.warns(UserWarning, match=r"\./inertia is what lies here"):
        assert load("inertia", n=60).rows == 60
