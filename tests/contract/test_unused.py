"""Every function and table that other files can see is used by trustspan itself. The linker knows: it
names the sections that nothing reaches, of a build that has one for each (.cmake/unused.cmake)."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import whole_build

# Used by tests alone, or by nobody yet, and why it stays.
KEPT = {
    "ts_intake_await_room": "for receivers that pull, of which there is none yet; unit tests are its users",
    "ts_settings_print": "unit tests read back with it what a table made of a file, every kind of setting",
    "ts_metrics_sum": "unit tests read counters with it, whatever their labels",
    "ts_agreement_bytes": "unit tests hold the memory of answers to its bound with it",
}
REMOVED = re.compile(r"removing unused section '\.(?:text|data|bss|rodata|data\.rel\.ro)(?:\.local)?"
                     r"\.([A-Za-z_]\w*)' in file '([^']*)'")
OURS = re.compile(r"(?:^|/)(?:src|pipeline)/")


def unused(log: str, visible: dict[str, str]) -> dict[str, str]:
    """What the linker removed of what is `visible` to other files (name: object): name to source file."""
    return {name: re.sub(r"^.*\.dir/|\.o$", "", file) for name, file in REMOVED.findall(log)
            if OURS.search(file) and visible.get(name) == file}


def visible_names(build: Path) -> dict[str, str]:
    objects = [str(p.relative_to(build)) for p in (build / "CMakeFiles").rglob("*.o")
               if OURS.search(str(p.relative_to(build)))]
    found = {}
    for line in subprocess.run(["nm", "-A", "--defined-only", "--extern-only", *objects], cwd=build,
                               check=True, capture_output=True, text=True).stdout.splitlines():
        where, _, name = line.rsplit(" ", 2)
        found[name] = where.split(":")[0]
    return found


@pytest.fixture(scope="module")
def linked() -> tuple[str, dict[str, str]]:
    return whole_build.linker_log(), visible_names(whole_build.BUILD)


def test_the_linker_is_understood():
    log = ("/usr/bin/ld: removing unused section '.text.ts_gone' in file 'CMakeFiles/ts_x.dir/src/x/x.c.o'\n"
           "/usr/bin/ld: removing unused section '.text.helper' in file 'CMakeFiles/ts_x.dir/src/x/x.c.o'\n"
           "/usr/bin/ld: removing unused section '.data.rel.ro.local.ts_rows' in file 'm.dir/pipeline/y.c.o'\n"
           "/usr/bin/ld: removing unused section '.text.ts_made' in file 'p.dir/gen/z.pb-c.c.o'\n")
    visible = {"ts_gone": "CMakeFiles/ts_x.dir/src/x/x.c.o", "ts_rows": "m.dir/pipeline/y.c.o",
               "ts_made": "p.dir/gen/z.pb-c.c.o"}
    assert unused(log, visible) == {"ts_gone": "src/x/x.c", "ts_rows": "pipeline/y.c"}


def test_nothing_is_unused(linked):
    found = unused(*linked)
    assert len(linked[1]) > 500  # the objects were found
    assert {name: file for name, file in found.items() if name not in KEPT} == {}


def test_what_is_kept_is_still_unused(linked):
    assert [name for name in KEPT if name not in unused(*linked)] == []
