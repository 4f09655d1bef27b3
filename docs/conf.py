"""How Sphinx builds the site, without network. Warnings are errors."""

import inspect
import warnings
from contextlib import ExitStack

from sphinx_gallery.sorting import FileNameSortKey

import skimbalance

project = "skimbalance"
author = "the skimbalance developers"
copyright = "2026, the skimbalance developers"
release = version = skimbalance.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxarg.ext",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
default_role = "py:obj"
smartquotes_action = "qe"  # and no dashes, as options of the command line begin with two
suppress_warnings = ["config.cache"]
nitpicky = True
# Names in docstrings that other projects document.
nitpick_ignore_regex = [("py:.*", r"(?!skimbalance\b).*")]

myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

bibtex_bibfiles = ["references.bib"]
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "skimbalance"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_sidebars = {"index": [], "start": []}
toc_object_entries_show_parents = "hide"
html_theme_options = {
    "github_url": "https://github.com/skimbalance/skimbalance",
    "logo": {"text": "skimbalance"},
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}


during_an_example = ExitStack()


def each_example(gallery_conf, fname, when):
    """Make warnings errors while an example runs."""
    if when == "before":
        during_an_example.enter_context(warnings.catch_warnings())
        warnings.simplefilter("error")
        # `plt.show` says so where there is a display.
        warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")
    else:
        during_an_example.close()


sphinx_gallery_conf = {
    "examples_dirs": ["../examples/figures", "../examples/questions"],
    "gallery_dirs": ["gallery", "questions"],
    "filename_pattern": "/plot_",
    "within_subsection_order": FileNameSortKey,
    "abort_on_example_error": True,
    "image_srcset": ["2x"],
    "reset_modules": ("matplotlib", each_example),
    "reset_modules_order": "both",
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "min_reported_time": 0,
    "doc_module": ("skimbalance",),
    "backreferences_dir": "api/backreferences",
    "inspect_global_variables": False,
}


def skip_members_of_others(app, what, name, obj, skip, options):
    """Leave out methods that a class inherits from another project, which documents them."""
    method = obj.fget if isinstance(obj, property) else obj
    module = getattr(inspect.unwrap(method), "__module__", "skimbalance")
    return skip or not str(module).startswith("skimbalance")


def setup(app):
    """Connect what is defined above."""
    app.connect("autodoc-skip-member", skip_members_of_others)
