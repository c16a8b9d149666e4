# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sitecustomize of test nodes: Python keeps there what it compiled of the modules that Ansible sends.

Ansible sends each task's module as an archive of sources, which Python compiles anew for every task. That is half of
the processor time that a task takes on a node. What is kept is found by the source itself, as a hash-based .pyc is
(PEP 552), and gets the name of the archive that was sent. A module's file name is told without its code, as
plugins/module_utils/_facts/importing.py does it for users.
"""

import _imp
import marshal
import os
import sys
import zipimport


def keep_compiled(folder: str) -> None:
    """Keep in a folder what is compiled from archives; without the folder everything is compiled as ever."""
    compile_source = getattr(zipimport, "_compile_source", None)
    if compile_source is None or sys.flags.optimize:
        return

    def compiled(pathname: str, source: bytes) -> object:
        key = "%s-%d-%s" % (sys.implementation.cache_tag, len(source), _imp.source_hash(0, source).hex())
        kept = os.path.join(folder, key)
        try:
            with open(kept, "rb") as reading:
                code = marshal.load(reading)
        except OSError:
            pass
        else:
            _imp._fix_co_filename(code, pathname)  # type: ignore[attr-defined]
            return code
        code = compile_source(pathname, source)
        try:
            with open("%s.%d" % (kept, os.getpid()), "wb") as writing:
                marshal.dump(code, writing)
            os.rename(writing.name, kept)
        except OSError:
            pass
        return code

    def get_filename(importer: zipimport.zipimporter, fullname: str) -> str:
        name = fullname.rpartition(".")[2]
        file = os.path.join(name, "__init__.py") if importer.is_package(fullname) else name + ".py"
        return os.path.join(importer.archive, importer.prefix, file)

    zipimport._compile_source = compiled  # type: ignore[attr-defined]
    zipimport.zipimporter.get_filename = get_filename  # type: ignore[assignment]
