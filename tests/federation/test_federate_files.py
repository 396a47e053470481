"""``isotropy federate``: three sites in, one classifier and a line for each out; what may not leave does not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file
from typer.testing import CliRunner

from isotropy.cli import app
from isotropy.errors import DomainError, IsotropyError, SchemaError
from isotropy.federation import Plan, _rounds, federate_files
from isotropy.random import spawn
from isotropy.runs import Run, RunDirectoryError

SITES = {"northwind": [60, 50, 4, 0], "southgate": [0, 30, 70, 25], "eastlake": [30, 0, 20, 60]}
REQUEST = {
    "clients": [{"name": name, "features": f"{name}.npz"} for name in SITES],
    "classes": 4,
    "rounds": 6,
    "local_epochs": 1,
    "learning_rate": 0.1,
    "augment": {"mode": "matched", "target": 80},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sites")
    draw = spawn(0, "files")
    centres = 1.5 * torch.randn(4, 6, generator=draw)
    mix = torch.randn(4, 6, 6, generator=draw)
    for name, counts in SITES.items():
        y = torch.arange(4).repeat_interleave(torch.tensor(counts))
        x = centres[y] + torch.einsum("nij,nj->ni", mix[y], torch.randn(len(y), 6, generator=draw)) / 2
        np.savez(found / f"{name}.npz", x=x.numpy(), y=y.numpy())
    (found / "sites.yaml").write_text(yaml.safe_dump(REQUEST))
    return found


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    told = CliRunner().invoke(app, ["federate", str(folder / "sites.yaml"), "--out", str(folder / "run")])
    assert told.exit_code == 0, told.output
    assert "The shared classifier does better" in " ".join(told.output.split())
    return folder / "run"


def test_a_line_for_each_site_a_classifier_and_a_page(run: Path) -> None:
    told = json.loads((run / "result.json").read_text())
    assert [site["name"] for site in told["sites"]] == list(SITES)
    # Three quarters are trained on.
    assert [site["rows"] + site["held_out"] for site in told["sites"]] == [114, 125, 110]
    for site in told["sites"]:
        assert site["together"]["mean"] >= site["before"]["mean"]
        assert site["together"]["low"] <= site["together"]["mean"] <= site["together"]["high"]
    weights = load_file(run / "model.safetensors")
    assert {name: w.shape for name, w in weights.items()} == {"weight": (4, 6), "bias": (4,)}
    page = (run / "report.html").read_text()
    for words in ("What left each site", "northwind, together", "held back or absent", "one standard deviation"):
        assert words in page


def test_small_classes_and_rows_stay_at_their_site(run: Path, folder: Path) -> None:
    told = json.loads((run / "result.json").read_text())
    assert told["counts"]["northwind"][2] == 0, "three rows of class 2 are fewer than ten"
    assert "northwind" not in told["planes"]["2"]
    assert "southgate" in told["planes"]["2"]
    with np.load(folder / "northwind.npz") as file:
        rows = file["x"][file["y"] == 2]
    # Seven digits of a float32: of fewer, figures of the page would share some by chance.
    words = [f"{value:.7g}" for value in [*rows.flatten(), *rows.mean(0)]]
    for path in run.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(word.encode() in content for word in words), path
            assert not any(row.tobytes() in content for row in rows), path


def test_same_seed_same_bytes_also_when_it_was_killed(run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = folder / "again"
    write = Run.write

    def dying(self: Run, name: str, content: object) -> None:
        write(self, name, content)
        if name == "rounds.safetensors" and int(content["round"]) == 3:  # pyright: ignore[reportIndexIssue]
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            federate_files(folder / "sites.yaml", out=again)
    federate_files(folder / "sites.yaml", out=again, resume=True)
    assert (again / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    results = [json.loads((at / "result.json").read_text()) for at in (run, again)]
    assert results[0]["sites"] == results[1]["sites"]
    assert len(results[1]["losses"]) == len(results[0]["losses"])
    other = federate_files(folder / "sites.yaml", seed=1)
    assert [s.together.mean for s in other.sites] != [s["together"]["mean"] for s in results[0]["sites"]]


@pytest.mark.slow
def test_a_command_that_is_killed_between_rounds_ends_with_the_same_bytes(folder: Path) -> None:
    """SIGKILL twice: once rounds are written, and again once more of them are."""
    path = folder / "long.yaml"
    path.write_text(yaml.safe_dump({**REQUEST, "rounds": 300}))
    federate_files(path, out=folder / "whole")
    out = folder / "killed"
    command = [sys.executable, "-c", "from isotropy.cli import main; main()", "federate", str(path), "--out", str(out)]
    written = 0
    for _ in range(2):
        with subprocess.Popen([*command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            kept = out / "rounds.safetensors"
            while not kept.exists() or kept.stat().st_mtime_ns <= written:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.001)
            process.kill()
        assert process.returncode == -signal.SIGKILL
        assert not (out / "result.json").exists()
        written = kept.stat().st_mtime_ns
    assert subprocess.run([*command, "--resume"], capture_output=True, check=False).returncode == 0
    assert (out / "model.safetensors").read_bytes() == (folder / "whole" / "model.safetensors").read_bytes()
    told = [json.loads((folder / name / "result.json").read_text()) for name in ("whole", "killed")]
    assert told[0]["sites"] == told[1]["sites"]
    assert told[0]["losses"] == told[1]["losses"]


def test_with_a_budget_the_counts_are_noisy(folder: Path) -> None:
    budget = {"epsilon": 5.0, "delta": 1e-5, "clip": 8.0}
    (folder / "private.yaml").write_text(yaml.safe_dump({**REQUEST, "rounds": 1, "privacy": budget}))
    found = federate_files(folder / "private.yaml")
    assert all(len(counts) == 4 for counts in found.counts.values())
    assert "epsilon 5, delta 1e-05" in "".join(getattr(block, "body", "") for block in found.blocks())


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"algoritm": "fedavg"}, SchemaError, "'algoritm'.*write algorithm="),
        ({"algorithm": "fedsgd"}, DomainError, "one of fedadagrad"),
        ({"clients": []}, DomainError, "no clients"),
        ({"clients": [{"name": "a", "features": "nowhere.npz"}]}, SchemaError, r"no file .*nowhere\.npz of a"),
        ({"classes": 3}, DomainError, "labels of southgate such as 3"),
        ({"held_out": 1.5}, DomainError, "held_out=1.5"),
        ({"augment": {"mode": "smote"}}, SchemaError, "one of 'ggeur', 'matched'"),
        ({"rounds": "many"}, SchemaError, "a whole number"),
        ({"privacy": {"epsilon": 1.0, "delta": 1e-5}}, SchemaError, "clip"),
        ({"privacy": {"epsilon": 0, "delta": 1e-5, "clip": 1.0}}, DomainError, "epsilon=0"),
        ({"algorithm": "scaffold", "optimizer": "adam"}, DomainError, 'scaffold with optimizer="adam"'),
        ({"algorithm": "moon"}, DomainError, "moon with a head without a hidden layer"),
    ],
)
def test_refusals(folder: Path, change: dict[str, object], error: type[IsotropyError], words: str) -> None:
    path = folder / "wrong.yaml"
    path.write_text(yaml.safe_dump({**REQUEST, **change}))
    with pytest.raises(error, match=words):
        federate_files(path)
    told = CliRunner().invoke(app, ["federate", str(path)])
    assert told.exit_code == 2
    assert "Traceback" not in told.output


def test_no_pickle_is_opened(folder: Path) -> None:
    np.savez(folder / "objects.npz", x=np.array([{"a": 1}], dtype=object), y=np.zeros(1))
    path = folder / "pickled.yaml"
    path.write_text(yaml.safe_dump({**REQUEST, "clients": [{"name": "a", "features": "objects.npz"}]}))
    with pytest.raises(SchemaError, match="pickles are never loaded"):
        federate_files(path)
    path.write_text("- just\n- a list\n")
    with pytest.raises(SchemaError, match="keys such as clients"):
        federate_files(path)


def test_noise_is_kept_for_resuming_and_not_to_be_drawn_again(
    run: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = {"epsilon": 5.0, "delta": 1e-5, "clip": 8.0}
    request = {**REQUEST, "rounds": 2, "privacy": budget, "min_count": 15}
    (folder / "noisy.yaml").write_text(yaml.safe_dump(request))
    write = Run.write

    def dying(self: Run, name: str, content: object) -> None:
        write(self, name, content)
        if name == "rounds.safetensors":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", dying)
        with pytest.raises(KeyboardInterrupt):
            federate_files(folder / "noisy.yaml", out=folder / "noisy")
    kept = load_file(folder / "noisy" / "released.safetensors")
    found = federate_files(folder / "noisy.yaml", out=folder / "noisy", resume=True)
    assert [tuple(int(n) for n in kept[f"{k}/n"]) for k in range(3)] == list(found.counts.values())
    assert all(n == 0 or n >= 15 for counts in found.counts.values() for n in counts)
    assert not (folder / "noisy" / "rounds.safetensors").exists()
    assert "sha256" in (folder / "run" / "config.yaml").read_text(), "without a budget rows are known by their digest"
    assert "sha256" not in (folder / "noisy" / "config.yaml").read_text()
    assert "accuracies" in (folder / "noisy" / "report.html").read_text()
    other = federate_files(folder / "noisy.yaml", out=folder / "others")
    again = load_file(folder / "others" / "released.safetensors")
    assert other.seed == found.seed
    assert not np.array_equal(again["0/mean"], kept["0/mean"])


def test_a_private_run_is_not_resumed_over_other_files(folder: Path) -> None:
    budget = {"epsilon": 5.0, "delta": 1e-5, "clip": 8.0}
    (folder / "copy.npz").write_bytes((folder / "eastlake.npz").read_bytes())
    clients = [REQUEST["clients"][0], {"name": "eastlake", "features": "copy.npz"}]
    (folder / "replaced.yaml").write_text(
        yaml.safe_dump({**REQUEST, "clients": clients, "rounds": 1, "privacy": budget})
    )
    federate_files(folder / "replaced.yaml", out=folder / "replaced")
    federate_files(folder / "replaced.yaml", out=folder / "replaced", resume=True)
    later = (folder / "copy.npz").stat().st_mtime_ns + 1_000_000
    os.utime(folder / "copy.npz", ns=(later, later))
    with pytest.raises(RunDirectoryError, match="written_ns"):
        federate_files(folder / "replaced.yaml", out=folder / "replaced", resume=True)


def test_modes_told_are_those_drawn(run: Path) -> None:
    told = json.loads((run / "result.json").read_text())
    # Class 3 is nowhere at northwind, which can only draw it from the Gaussian.
    assert told["modes"]["3"] == "gaussian/matched"


def test_the_page_shows_that_the_published_way_is_wider_than_the_class(run: Path) -> None:
    told = json.loads((run / "result.json").read_text())
    ((where, laws),) = told["laws"].items()
    assert re.fullmatch(r"class \d at \w+", where)
    area = {name: (xx * yy - xy**2) ** 0.5 for name, (_, _, xx, xy, yy) in laws.items()}
    # A variance of 400 draws is known to 7 %, an area to as much.
    assert area["matched"] == pytest.approx(area["all sites"], rel=0.25)
    assert area["gaussian"] == pytest.approx(area["all sites"], rel=0.25)
    assert area["ggeur"] > 1.5 * area["all sites"]
    assert "What each way draws" in (run / "report.html").read_text()


def test_a_site_without_rows_is_refused_by_name(folder: Path) -> None:
    np.savez(folder / "hollow.npz", x=np.zeros((0, 6), np.float32), y=np.zeros(0, np.int64))
    clients = [*REQUEST["clients"], {"name": "hollow", "features": "hollow.npz"}]
    (folder / "hollow.yaml").write_text(yaml.safe_dump({**REQUEST, "clients": clients}))
    with pytest.raises(DomainError, match=r"no rows in hollow\.npz of hollow"):
        federate_files(folder / "hollow.yaml")


def test_files_of_different_precision_are_read_as_one(folder: Path) -> None:
    with np.load(folder / "eastlake.npz") as file:
        np.savez(folder / "double.npz", x=file["x"].astype(np.float64), y=file["y"])
    clients = [REQUEST["clients"][0], {"name": "eastlake", "features": "double.npz"}]
    request = {**REQUEST, "clients": clients, "rounds": 1, "algorithm": "fedproto", "head": "mlp"}
    (folder / "mixed.yaml").write_text(yaml.safe_dump(request))
    found = federate_files(folder / "mixed.yaml")
    assert len(found.sites) == 2
    assert "its prototype" in "".join(getattr(block, "body", "") for block in found.blocks())


def test_alone_takes_as_many_steps_as_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: dict[tuple[bool, str], int] = {}
    real = _rounds.local_update

    def counting(model: object, server: object, site: _rounds.Site, kept: object, plan: Plan, **more: object) -> object:
        key = (len(site.x) == site.real, site.name)
        steps[key] = steps.get(key, 0) + plan.local_epochs * -(-len(site.x) // 32)
        return real(model, server, site, kept, plan, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr("isotropy.federation._federate.local_update", counting)
    (folder / "steps.yaml").write_text(yaml.safe_dump({**REQUEST, "rounds": 2, "augment": {"target": 200}}))
    federate_files(folder / "steps.yaml")
    for name in SITES:
        assert steps[True, name] == pytest.approx(steps[False, name], rel=0.05), name  # whole epochs
