"""How Sphinx makes the site of the pages that tools/website.py hands it."""

project = "MTIA Lab"
root_doc = "index"
extensions = ["myst_nb"]
html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["lab.css"]
html_js_files = ["lab.js"]
html_copy_source = False
html_show_search_summary = False  # it would be fetched, which a page in a file may not
html_show_copyright = html_show_sphinx = False

nb_execution_mode = "off"  # what is stored is what tests compare
nb_mime_priority_overrides = [("html", "text/html", 1), ("html", "image/svg+xml", 2)]
nb_code_prompt_show = "Show {type}"
nb_code_prompt_hide = "Hide {type}"
myst_heading_anchors = 4  # as GitHub has them
myst_enable_extensions: list[str] = []  # no formulas: nothing that a page would fetch
