"""`nbconvert --config .jupyter/print.py`: HTML for a browser to print, with no line cut off."""

from pathlib import Path

c = get_config()  # noqa: F821
c.NbConvertApp.export_format = "html"
c.TemplateExporter.extra_template_basedirs = [str(Path(__file__).parent)]
c.TemplateExporter.template_name = "print"
