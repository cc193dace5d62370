"""Settings of the site that ``make docs`` builds; ``docs/_ext`` holds what Sphinx does not have."""

import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS / "_ext"))

from paradime import __version__  # noqa: E402  the extensions are found first

project = "ParaDime"
author = "The ParaDime contributors"
version = release = __version__
language = "en"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
    "docstrings",
    "files_of_the_repository",
]
exclude_patterns = ["_ext", "_templates"]
templates_path = ["_templates"]

# pages
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = os.environ.get("DOCS_EXECUTE", "force")  # "off": pages without outputs, which is quick
nb_execution_timeout = 900
nb_execution_cache_path = os.environ.get("DOCS_CACHE", "")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
copybutton_exclude = ".linenos, .gp, .go"
# pages that are not executed have no language
suppress_warnings = ["config.cache", *(["myst-nb.lexer"] if nb_execution_mode == "off" else [])]

# the reference of classes and functions
autosummary_generate = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autodoc_default_options = {"show-inheritance": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "none"  # docstrings say what an argument is; signatures with all types fill a screen
autodoc_preserve_defaults = True
maximum_signature_line_length = 90  # longer ones have a line for each parameter
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes_style")]
nitpick_ignore = [("py:exc", "MissingPartError"), ("py:exc", "NotFittedError")]
# libraries whose pages are not at hand when the site is built
OTHERS = (
    "abc collections enum matplotlib np numpy os pandas pathlib polars pydantic scipy sklearn torch types typing"
)
nitpick_ignore_regex = [("py:.*", rf"({OTHERS.replace(' ', '|')})\..*")]

# the look
html_theme = "pydata_sphinx_theme"
html_title = "ParaDime"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"index": []}
html_theme_options = {
    "logo": {"text": "ParaDime"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "back_to_top_button": False,
}
