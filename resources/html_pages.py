"""Templates of HTML pages: text is escaped, and a name that is not defined is an error."""

from __future__ import annotations

import functools

import jinja2


@functools.cache
def open_templates(package: str) -> jinja2.Environment:
    """Those in the folder `templates` of a package."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
