"""Multidimensional scaling beside its peers: time, accuracy, growth with n, and memory.

    python benchmarks/mds.py [--n 3000] [--points 100000] [--repeat 5] [--threads 1] [--smacof]

From distances: ours (eigh, Lanczos, randomised, landmarks) against numpy, SciPy and scikit-learn. From coordinates:
ours against the n x n route and against PCA of scikit-learn with `svd_flip`. Targets (specification 08 §5): Lanczos at
n = 3000 at least 5 times faster than a full eigh with eigenvalues to 1e-6; coordinates of 10^5 points below 50 ms with
memory below 10 times the input; time growing as n^1 (coordinates) and n^2 (Lanczos). Medians after warm-up; with one
thread the clock counts processor time, so that other programs on the machine weigh less; variants run in turns.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
import torch
from _measuring import allocated
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from isotropy.frames import InvariantCoordinates, choose_landmarks, classical_mds, landmark_mds
from isotropy.frames.scaling._solvers import Centred, lanczos
from isotropy.linalg import procrustes
from isotropy.random import spawn

K = 8


def medians(variants: dict[str, Callable[[], Any]], count: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each variant over interleaved repetitions, the first discarded."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(count + 1):
        for name, run in variants.items():
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def noisy(n: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Distances of n points in R^8, blurred by 5 %: no longer Euclidean."""
    draw = np.random.default_rng(0)
    D = cdist(x := draw.normal(size=(n, K)) * np.linspace(3, 1, K), x)
    noise = draw.uniform(-0.05, 0.05, size=(n, n))
    D *= 1 + (noise + noise.T) / 2
    np.fill_diagonal(D, 0)
    return D


def numpy_eigh(D: Any) -> Any:
    n = len(D)
    J = np.eye(n) - 1 / n
    values, Q = np.linalg.eigh(-0.5 * J @ D**2 @ J)
    return values[::-1][:K], Q[:, ::-1][:, :K] * np.sqrt(values[::-1][:K])


def scipy_eigh(D: Any) -> Any:
    """The k leading pairs only, of a matrix centred without products."""
    B = -0.5 * D**2
    B = B - B.mean(0) - B.mean(1)[:, None] + B.mean()
    values, Q = scipy.linalg.eigh(B, subset_by_index=(len(D) - K, len(D) - 1))
    return values[::-1], Q[:, ::-1] * np.sqrt(values[::-1])


def sklearn_classical(D: Any) -> Any:
    from sklearn.manifold import ClassicalMDS  # scikit-learn >= 1.9

    found = ClassicalMDS(n_components=K, metric="precomputed").fit(D)
    return found.eigenvalues_, found.embedding_


def sklearn_smacof(D: Any) -> Any:
    from sklearn.manifold import MDS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model = MDS(n_components=K, metric="precomputed", n_init=1, max_iter=30, random_state=0, init="random")
        return None, model.fit_transform(D)


def ours(method: str) -> Callable[[Any], Any]:
    def run(D: Any) -> Any:
        draw = spawn(0, "benchmark") if method == "randomized" else None
        if method == "landmark":
            D2 = torch.from_numpy(np.square(D))
            chosen = choose_landmarks(D2, min(len(D2), max(50, 10 * K)))
            found = landmark_mds(D2[:, chosen].numpy(), chosen, K)
            return found.eigenvalues, found.Y
        found = classical_mds(D=D, k=K, method=method, generator=draw)  # type: ignore[arg-type]
        return found.eigenvalues, found.Y

    return run


def from_distances(n: int, repeat: int, clock: Callable[[], float], smacof: bool) -> None:
    D = noisy(n)
    solvers: dict[str, Callable[[Any], Any]] = {"numpy eigh": numpy_eigh, "SciPy eigh, k pairs": scipy_eigh}
    try:
        import sklearn.manifold

        if hasattr(sklearn.manifold, "ClassicalMDS"):
            solvers["sklearn ClassicalMDS"] = sklearn_classical
    except ImportError:
        pass
    if smacof:
        solvers["sklearn MDS (SMACOF, 30 steps)"] = sklearn_smacof
    solvers |= {f"isotropy {method}": ours(method) for method in ("eigh", "lanczos", "randomized", "landmark")}
    exact, points = numpy_eigh(D)
    found = medians({name: lambda run=run: run(D) for name, run in solvers.items()}, repeat, clock)
    print(f"\nFrom distances, n = {n}, k = {K}")
    print(f"{'':32s}{'seconds':>9s}{'/ eigh':>9s}{'eigenvalues':>13s}{'points (rms)':>14s}")
    for name, seconds in found.items():
        values, Y = solvers[name](D)
        error = math.nan if values is None else float(np.abs(np.asarray(values)[:K] / exact - 1).max())
        apart = float(procrustes(torch.from_numpy(np.ascontiguousarray(Y)), torch.from_numpy(points.copy())).error)
        print(f"{name:32s}{seconds:9.3f}{seconds / found['numpy eigh']:9.3f}{error:13.1e}{apart:14.1e}")


def from_coordinates(n: int, repeat: int, clock: Callable[[], float]) -> None:
    coordinates = InvariantCoordinates()
    print(f"\nFrom coordinates, {n} points in R^3")
    print(f"{'':32s}{'ms':>9s}{'peak / input':>14s}")
    for dtype in (torch.float32, torch.float64):
        x = torch.randn(1, n, 3, generator=spawn(0, "cloud"), dtype=dtype)
        array = x[0].numpy()
        name = str(dtype).removeprefix("torch.")
        variants = {
            f"isotropy, {name}": lambda x=x: coordinates(x),
            f"sklearn PCA (svd_flip), {name}": lambda array=array: PCA(3).fit_transform(array),
        }
        for variant, seconds in medians(variants, 4 * repeat, clock).items():
            peak = f"{allocated(lambda x=x: coordinates(x)) / x.nbytes:14.1f}" if "isotropy" in variant else ""
            print(f"{variant:32s}{1e3 * seconds:9.1f}{peak}")
    x = torch.randn(2000, 3, generator=spawn(0, "few"), dtype=torch.float64)
    D = cdist(x, x)
    few = medians({"n x n": lambda: numpy_eigh(D), "d x d": lambda: coordinates(x[None])}, repeat, clock)
    print(f"n x n eigh against d x d at n = 2000: {few['n x n'] / few['d x d']:.0f} times slower")


def growth(repeat: int, clock: Callable[[], float]) -> None:
    print("\nGrowth of time with n (exponent of a power law)")
    coordinates = InvariantCoordinates()
    for name, sizes, make in (
        (
            "coordinates, float64",
            (50_000, 100_000, 200_000, 400_000),
            lambda n: (lambda x: lambda: coordinates(x))(torch.randn(1, n, 3, dtype=torch.float64)),
        ),
        ("Lanczos", (2000, 3000, 4000, 6000), lambda n: (lambda B: lambda: lanczos(B, K))(Centred(noisy(n) ** 2))),
    ):
        seconds = [medians({name: make(n)}, repeat, clock)[name] for n in sizes]
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        print(
            f"{name:32s}{slope:6.2f}   "
            + ", ".join(f"{n}: {1e3 * s:.0f} ms" for n, s in zip(sizes, seconds, strict=True))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--smacof", action="store_true", help="also the iterative MDS of scikit-learn: minutes")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.threads == 1 else time.perf_counter
    print(f"{options.threads} thread(s), {'processor' if options.threads == 1 else 'wall clock'} time")
    with threadpool_limits(options.threads):
        from_coordinates(options.points, options.repeat, clock)
        growth(options.repeat, clock)
        from_distances(options.n, options.repeat, clock, options.smacof)


if __name__ == "__main__":
    main()
