"""Clouds that determine no coordinates."""

from __future__ import annotations

from isotropy.errors import DegenerateError


class DegenerateCloudError(DegenerateError):
    """A cloud without extent where one is needed: all its points coincide, or all its distances are zero."""
