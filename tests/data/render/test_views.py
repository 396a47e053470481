"""Sets of views: split by instance, drawn again bit for bit, on disk whole or not at all; pairs of two views."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from isotropy.data.render import MultiViewDataset, check_apart, latents, make_3diebench_small, read_3diebench
from isotropy.data.render import _small as small
from isotropy.errors import DomainError, DtypeError, SchemaError, ShapeError
from isotropy.random import spawn

Both = tuple[MultiViewDataset, MultiViewDataset]
SIZES = {"n_families": 2, "n_instances": 5, "n_views": 3, "size": 8, "backend": "torch"}


@pytest.fixture(scope="module")
def both() -> Both:
    return make_3diebench_small(**SIZES)  # type: ignore[arg-type]


def test_no_instance_is_in_both_parts(both: Both) -> None:
    train, validation = both
    assert train.instances.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]  # type: ignore[union-attr]
    assert validation.instances.tolist() == [4, 9]  # type: ignore[union-attr]
    assert train.labels.tolist() == [0] * 4 + [1] * 4
    check_apart(train, validation)
    with pytest.raises(SchemaError, match="1 instance in training and in validation, such as 4"):
        check_apart(replace(train, instances=torch.tensor([0, 1, 2, 4, 5, 6, 7, 8])), validation)
    check_apart(replace(train, instances=None), replace(validation, instances=None))  # not known
    with pytest.raises(ShapeError, match="2 instances"):
        replace(train, instances=torch.arange(2))


def test_on_disk_is_the_same_and_is_continued_where_it_broke_off(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, drawn = small._family, []

    def breaks(plan: object, number: int) -> torch.Tensor:
        drawn.append(number)
        if len(drawn) == 2:
            raise KeyboardInterrupt
        return whole(plan, number)  # type: ignore[arg-type]

    monkeypatch.setattr(small, "_family", breaks)
    with pytest.raises(KeyboardInterrupt):
        make_3diebench_small(**SIZES, folder=tmp_path)  # type: ignore[arg-type]
    train, validation = make_3diebench_small(**SIZES, folder=tmp_path)  # type: ignore[arg-type]
    assert drawn == [0, 1, 1], "the first family is not drawn again"
    make_3diebench_small(**SIZES, folder=tmp_path)  # type: ignore[arg-type]
    assert drawn == [0, 1, 1], "nothing is"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "plan.json", "train.npy", "validation.npy"]
    for ours, theirs in zip(both, (train, validation), strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.latents, theirs.latents)
    with pytest.raises(SchemaError, match="another data set"):
        make_3diebench_small(**{**SIZES, "seed": 1}, folder=tmp_path)  # type: ignore[arg-type]


def test_of_two_that_draw_into_one_folder_the_second_waits(
    both: Both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, drawn, second = small._family, [], []

    def make() -> None:
        second.append(make_3diebench_small(**SIZES, folder=tmp_path)[0])  # type: ignore[arg-type]

    other = threading.Thread(target=make)

    def begins_the_other(plan: object, number: int) -> torch.Tensor:
        drawn.append(number)
        if len(drawn) == 1:
            other.start()
            other.join(0.3)  # long enough to draw as well, if it did not wait
        return whole(plan, number)  # type: ignore[arg-type]

    monkeypatch.setattr(small, "_family", begins_the_other)
    first, _ = make_3diebench_small(**SIZES, folder=tmp_path)  # type: ignore[arg-type]
    other.join()
    assert drawn == [0, 1]
    assert torch.equal(first.images, both[0].images)
    assert torch.equal(second[0].images, both[0].images)


def test_a_split_without_objects_on_a_side_is_refused() -> None:
    with pytest.raises(DomainError, match="at least one on either side"):
        make_3diebench_small(**{**SIZES, "n_instances": 1})  # type: ignore[arg-type]


def test_a_pass_has_one_pair_of_two_views_of_every_object(both: Both) -> None:
    train, _ = both
    pairs = list(train.pairs(3, spawn(0, "pass")))
    assert [len(pair.x1) for pair in pairs] == [3, 3, 2]
    assert not any(bool((pair.latents1 == pair.latents2).all(-1).any()) for pair in pairs)
    seen = torch.cat([pair.latents1 for pair in pairs])
    owner = [(train.latents == one).all(-1).any(-1).nonzero().item() for one in seen]
    assert sorted(owner) == list(range(8))  # type: ignore[type-var]
    # The pictures are those of the latents.
    for pair in pairs:
        for x, l in zip(pair.x2, pair.latents2, strict=True):
            o, v = (train.latents == l).all(-1).nonzero()[0].tolist()
            assert torch.equal(x, train.images[o, v])


def test_the_stream_depends_on_seed_and_epoch_alone(both: Both) -> None:
    stream, again = both[0].stream(3, seed=1), both[0].stream(3, seed=1)
    for _ in stream:  # what was drawn before does not matter
        pass
    for each in (stream, again):
        each.set_epoch(4)
    for one, other in zip(stream, again, strict=True):
        assert torch.equal(one.x1, other.x1)
        assert torch.equal(one.latents2, other.latents2)
    assert len(stream) == 2, "without the incomplete batch"
    for batch in (1, 9):
        with pytest.raises(DomainError, match="2 to 8, one pair of each object"):
            both[0].stream(batch, seed=0)


def test_what_is_no_set_of_views_is_refused(both: Both) -> None:
    train, _ = both
    with pytest.raises(ShapeError, match="1 view"):
        MultiViewDataset(train.images[:, :1], train.latents[:, :1], train.labels)
    with pytest.raises(ShapeError, match="7 labels"):
        MultiViewDataset(train.images, train.latents, train.labels[:7])
    with pytest.raises(DomainError, match="latents that are not finite"):
        MultiViewDataset(train.images, train.latents / 0 * 0, train.labels)
    with pytest.raises(DomainError, match=r"images from 0 to 3; .*; write images.to\(torch.uint8\)"):
        MultiViewDataset(torch.zeros(8, 3, 3, 8, 8).index_fill_(0, torch.tensor([1]), 3.0), train.latents, train.labels)
    with pytest.raises(DtypeError, match="uint8"):
        MultiViewDataset(train.images.long(), train.latents, train.labels)


def test_the_published_layout_is_read(tmp_path: Path, both: Both) -> None:
    for synset, thing in (("b", "x"), ("a", "z"), ("a", "y")):
        path = tmp_path / synset / thing
        path.mkdir(parents=True)
        for k in range(2):
            Image.fromarray(np.full((16, 16, 3), 40 * (k + 1), np.uint8)).save(path / f"image_{k}.jpg")
            np.save(path / f"latent_{k}.npy", np.arange(7.0) + k)
    read = read_3diebench(tmp_path, size=8)
    assert read.images.shape == (3, 2, 3, 8, 8)
    assert read.labels.tolist() == [0, 0, 1]
    assert read.latents[2, 1].tolist() == [1, 2, 3, 4, 5, 6, 7]
    check_apart(read[:2], read[2:])
    assert len(set(read.instances.tolist())) == 3  # type: ignore[union-attr]
    with pytest.raises(SchemaError, match=r"1 instance in training.*instances="):
        check_apart(read[1:2], read_3diebench(tmp_path, size=8, n_views=2)[1:])
    assert read.images[0].flatten(1).double().mean(1).round().tolist() == [40, 80]
    larger = tmp_path / "b" / "x" / "image_1.jpg"
    Image.new("RGB", (20, 20)).save(larger)
    with pytest.raises(SchemaError, match=r"\(3, 16, 16\), \(3, 20, 20\).*; expected as many views of one size"):
        read_3diebench(tmp_path)
    Image.new("RGB", (16, 16)).save(larger)
    (tmp_path / "a" / "y" / "latent_1.npy").write_bytes(b"no array")
    with pytest.raises(SchemaError, match=r"view 1 of .*y, which cannot be read"):
        read_3diebench(tmp_path)
    with pytest.raises(SchemaError, match="no folder"):
        read_3diebench(tmp_path / "none")


def test_group_elements_of_two_views() -> None:
    from scipy.spatial.transform import Rotation

    one, other = latents.sample(400, generator=spawn(0, "pairs")).split(200)
    R1, R2 = latents.rotation(one), latents.rotation(other)
    for pose in ("object", "world"):
        g = latents.relative_rotation(one, other, pose)
        assert torch.allclose(R1 @ g if pose == "object" else g @ R1, R2, atol=1e-12)
    theirs = [Rotation.from_euler("xyz", l[:, :3].numpy()) for l in (one, other)]
    assert torch.allclose(
        latents.relative(one, other, "quat"), torch.from_numpy((theirs[0].inv() * theirs[1]).as_quat()), atol=1e-12
    )
    quat, canonical = latents.relative(one, other, "quat"), latents.relative(one, other, "quat_canonical")
    negative = quat[:, 3] < 0
    # [run]: 4.4 % of the relative quaternions of the box have w < 0; so a linear map of them is no function of g.
    assert 0.01 < float(negative.double().mean()) < 0.1
    assert torch.allclose(torch.where(negative[:, None], -quat, quat), canonical, atol=1e-12)
    for name in ("quat_canonical", "matrix", "irreps"):
        encoded = latents.encode(latents.decode(quat, "quat"), name)
        assert torch.allclose(encoded, latents.encode(latents.decode(-quat, "quat"), name), atol=1e-12)
        assert torch.allclose(latents.relative(one, other, name), encoded, atol=1e-12)
        for colour in (True, "raw"):
            still = torch.cat([other[:, :3], one[:, 3:]], 1)
            same = latents.encode(latents.decode(encoded, name), name, colour)  # type: ignore[arg-type]
            assert torch.allclose(latents.relative(one, still, name, colour=colour), same, atol=1e-12)  # type: ignore[arg-type]
        assert torch.allclose(latents.decode(encoded, name), latents.relative_rotation(one, other), atol=1e-12)
    assert (
        latents.relative(one, other, "irreps", colour=True).shape == (200, latents.width("irreps", True)) == (200, 39)
    )
    hue = latents.relative(one, other, "quat", colour=True)[:, 4:]
    assert torch.allclose(hue[:, 0] ** 2 + hue[:, 2] ** 2, torch.ones(200).double())
    with pytest.warns(latents.SameViewWarning):
        latents.relative(one, one)
    with pytest.raises(SchemaError, match="write quat"):
        latents.relative(one, other, "quad")
    with pytest.raises(SchemaError, match="R2 = g R1"):
        latents.relative(one, other, pose="left")
