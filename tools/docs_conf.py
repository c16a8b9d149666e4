# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx builds the site; ``tools/docs`` copies this beside the pages."""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

project = "podnet.lab"
author = copyright = "podnet.lab contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
html_theme = "furo"
html_title = "podnet.lab"
html_copy_source = False
myst_heading_anchors = 4
myst_enable_extensions = ["fieldlist"]
root_doc = "index"
# Code in these pages is output of commands as well; what a lexer does not know is shown as it is.
suppress_warnings = ["misc.highlighting_failure"]

_HERE = Path(__file__).resolve().parent
_MODULE = re.compile(r"\]\((?:\.\./)*plugins/modules/(\w+)\.py\)")
_ROW = re.compile(r"^\| `[a-z-]+`[^|]*\|", re.MULTILINE)
_KIND = re.compile(r"`([a-z-]+)`")
_ANSIBLES = re.compile(
    r"(action_plugins|ansible_configuration_settings|common_return_values|ansible_collections\.ansible\.\w+)"
)
_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s#:]+)(#[^)\s]*)?\)")

(_HERE / "index.md").write_text(
    """```{include} README.md
:start-line: 5
```

```{toctree}
:caption: Guides
:maxdepth: 1
:glob:

docs/**
```

```{toctree}
:caption: Findings
:maxdepth: 1

findings/index
```

```{toctree}
:caption: Roles
:maxdepth: 1
:glob:

roles/*/README
```

```{toctree}
:caption: Reference
:maxdepth: 1

collection/index
```

```{toctree}
:caption: The project
:maxdepth: 1

CONTRIBUTING
SECURITY
CHANGELOG
```
""",
    encoding="utf-8",
)


def _lead_within_the_site(_app: Sphinx, name: str, source: list[str]) -> None:
    """Let links to modules lead to their pages, and take away those to files that only the checkout has."""
    folder = (_HERE / name).parent
    up = "../" * name.count("/")
    text = _MODULE.sub(lambda found: f"]({up}collection/{found[1]}_module.rst)", source[0])
    if name == "docs/findings":
        text = _ROW.sub(lambda row: _KIND.sub(r"[`\1`](../findings/\1.md)", row[0]), text)
    source[0] = _LINK.sub(lambda found: found[0] if (folder / found[2]).is_file() else found[1], text)


def _leave_to_ansible(_app: Sphinx, _env: object, node: nodes.Element, shown: nodes.Element) -> nodes.Element | None:
    """Show what leads to Ansible's own documentation, which is not here, as it is called there."""
    return shown if _ANSIBLES.match(str(node["reftarget"])) else None


def setup(app: Sphinx) -> None:
    """Register what is done to each page."""
    app.connect("source-read", _lead_within_the_site)
    app.connect("missing-reference", _leave_to_ansible)
