"""The tests of this room keep their solved bases to themselves."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOTROPY_CACHE", str(tmp_path_factory.mktemp("bases")))
        yield
