"""The JSON interface, and the twins of pages for programs and mail."""

from app.api.router import install

__all__ = ["install"]
