# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How a fact module is imported on a node: from the zip archive in which Ansible brings it, and compiled once.

Python looks for the file name of a module before it executes it, and zipimport's ``get_filename`` compiles the module
to learn the name; then it compiles it again to execute it. Of a task on a node with a hundred pods that was a seventh.

Source: CPython, Lib/zipimport.py (``get_filename``, ``_get_module_code``) and Lib/importlib/_bootstrap.py
(``spec_from_loader``), the same from 3.8 to 3.14.
"""

from __future__ import annotations

import os
import sys
import zipimport


class _Importer(zipimport.zipimporter):
    """An importer from a zip archive of sources that knows a module's file name from the archive's directory alone."""

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module, which begins with that of the archive. Raises ZipImportError."""
        name = fullname.rpartition(".")[2]
        file = os.path.join(name, "__init__.py") if self.is_package(fullname) else name + ".py"
        return os.path.join(self.archive, self.prefix, file)


def compile_once() -> None:
    """Have modules compiled once that are imported from zip archives from now on."""
    if _Importer in sys.path_hooks:
        return
    sys.path_hooks.insert(0, _Importer)
    for path, importer in list(sys.path_importer_cache.items()):
        if isinstance(importer, zipimport.zipimporter):
            del sys.path_importer_cache[path]
