"""Where the files beside the code are: in a checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parent


def in_checkout() -> bool:
    """Whether this package runs from a checkout of the project."""
    return (CHECKOUT / "pyproject.toml").is_file() and (CHECKOUT / "migrations").is_dir()


def resource(name: str) -> Path:
    """Return the directory `templates`, `static` or `migrations`.

    Raises FileNotFoundError when the installation lacks it.
    """
    path = CHECKOUT / name if in_checkout() else PACKAGE / "_resources" / name
    if not path.is_dir():
        raise FileNotFoundError(f"cowscope is not installed whole: {path} is missing")
    return path
