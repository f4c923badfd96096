"""cowscope: see what Linux does with a page of anonymous memory."""

__version__ = "0.1.0"
