"""Which Tombs this is; the project file takes the number from here."""

from __future__ import annotations

__version__ = "0.1.0"
