"""`nbconvert --config .jupyter/markdown.py`: Markdown with its pictures as files, for GitHub."""

c = get_config()  # noqa: F821
c.NbConvertApp.export_format = "markdown"
c.NbConvertBase.display_data_priority = [
    "image/svg+xml",
    "image/png",
    "text/markdown",
    "text/html",
    "text/plain",
]
