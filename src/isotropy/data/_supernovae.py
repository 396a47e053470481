"""Files of supernova samples: what they are, where they come from, and their checksums. `physics` reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isotropy.data._mirror import File, locate

_FOLDER = "07-varying-speed-of-light"
_PANTHEON = "github.com/dscolnic/Pantheon, commit 7eb29dc8"
_COBAYA = "github.com/CobayaSampler/sn_data, commit 61d96434"
_UNSTATED = "none stated"


@dataclass(frozen=True)
class SupernovaFiles:
    """A sample by its files: the table of magnitudes, then its covariance, where one is public.

    ``form`` says which reader takes them: "lcparam", "pantheon-plus" or "des-5yr".
    """

    name: str
    title: str
    licence: str
    form: str
    files: tuple[File, ...]

    def paths(self) -> list[Path]:
        """Where the files are; raises DataNotFoundError where they are not, SchemaError where they are others."""
        return [locate(file, of=self.name) for file in self.files]


_FILES = {
    "pantheon": {"lcparam_full_long.txt": "9d0e3d2d2b3b460fd2d1a474f2b69a4c22c67d3e15bb2f0efdefed1607ba29a1"},
    "pantheon-zhel": {"lcparam_full_long_zhel.txt": "4e865e819eda499530b04da6965ab7aac0407878789b105732cb1f9b99a64323"},
    "pantheon-binned": {
        "lcparam_DS17f.txt": "085daafcc4ae19ece72e69d69ac84fb0a4a1f52626ac4782e46571e6d679b000",
        "sys_DS17f.txt": "642391b0a56ee4f0c3275e85376fbdb880c1c289503520fd32b3920c19f4d7d9",
    },
    "union3": {
        "union3_lcparam_full.txt": "a840fe71c606bda11b869dbfcacc21c0199a5dc393f3790d10a7b58de97deae7",
        "union3_mag_covmat.txt": "64c79abd24bf5154bc1e38ad0c031e31dd6247cdcc5ca930829698169809a146",
    },
    "pantheon-plus": {"PantheonPlusSH0ES.dat.gz": "51f0c26b4662b6a3ce15c2e2ee9a15d6abe1ae9803b1714ecc44f5dc21b4d032"},
    "des-5yr": {"DES-SN5YR_HD.csv.gz": "00e0c10f0edd12b3abbf8f34ab1635894f2dd90deed313ec95997542b8a00531"},
}
"""SHA-256 of the files of each sample."""


def _sample(name: str, title: str, licence: str, form: str, origin: str) -> SupernovaFiles:
    files = tuple(File(f"{_FOLDER}/{file}", sha256, origin) for file, sha256 in _FILES[name].items())
    return SupernovaFiles(name, title, licence, form, files)


_ALL = (
    _sample("pantheon", "1048 supernovae (Pantheon), z_hel as z_cmb", "MIT", "lcparam", _PANTHEON),
    _sample("pantheon-zhel", "1048 supernovae (Pantheon), true z_hel", "MIT", "lcparam", _PANTHEON),
    _sample("pantheon-binned", "Pantheon in 40 bins, with systematics", "MIT", "lcparam", _PANTHEON),
    _sample("union3", "Union3 in 22 nodes, with covariance", f"{_UNSTATED}; arXiv 2311.12098", "lcparam", _COBAYA),
    _sample(
        "pantheon-plus",
        "1701 light curves (Pantheon+), diagonal errors",
        f"{_UNSTATED}; arXiv 2202.04077",
        "pantheon-plus",
        _COBAYA,
    ),
    _sample(
        "des-5yr", "1829 supernovae (DES, five years), diagonal errors", f"{_UNSTATED}; DES-SN5YR", "des-5yr", _COBAYA
    ),
)

SUPERNOVAE: dict[str, SupernovaFiles] = {one.name: one for one in _ALL}
"""The samples by name."""
