"""The build that .cmake/unused.cmake describes, made once for all contract tests of one run."""

from __future__ import annotations

import functools
import subprocess

from conftest import ROOT

BUILD = ROOT / "build/unused"


@functools.lru_cache
def linker_log() -> str:
    """Builds trustspan_whole; what the linker said."""
    subprocess.run(["cmake", "-C", ROOT / ".cmake/unused.cmake", "-B", BUILD, "-G", "Ninja", ROOT],
                   check=True, capture_output=True)
    # so that it is linked, and the linker speaks
    (BUILD / "tests/contract/trustspan_whole").unlink(missing_ok=True)
    done = subprocess.run(["ninja", "-C", BUILD, "trustspan_whole"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout
