"""Sphinx: `make docs` builds this folder into `site/`; nothing is loaded from a network."""

from importlib.metadata import version as version_of

project = "cowscope"
copyright = "the cowscope contributors"
version = release = version_of("cowscope")
extensions = ["myst_parser"]
exclude_patterns = ["pictures/README.md"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"cowscope {release}"
html_show_sphinx = False
html_copy_source = False
html_static_path: list[str] = []
pygments_style = "default"
