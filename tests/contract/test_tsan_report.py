"""Races that are made on purpose, and whose they are said to be: TSan's own reports, read by tsan_report.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from tsan_report import options, read

LIBRARY = """
#include <pthread.h>
#include <string.h>
static char kept[64];
void library_keep(const char *text) { memcpy(kept, text, sizeof kept); }   /* a race when two threads come */
static void *own(void *arg) { (void)arg; char text[64] = "own"; library_keep(text); return 0; }
pthread_t library_begin(void) { pthread_t t; pthread_create(&t, 0, own, 0); return t; }
static void *call(void *arg) { ((void (*)(void))arg)(); return 0; }
pthread_t library_call(void (*f)(void)) { pthread_t t; pthread_create(&t, 0, call, (void *)f); return t; }
"""
PROGRAM = """
#include <pthread.h>
#include <stdio.h>
#include <string.h>
void library_keep(const char *text);
pthread_t library_begin(void);
pthread_t library_call(void (*f)(void));
static long ours;
static char text[64];
static void count(void) { ours++; }
static void *counter(void *arg) { (void)arg; count(); return 0; }
static void keep(void) { library_keep(text); }
static void keep_deeper(void) { keep(); } /* TSan does not see who calls a library, but who called that one */
static void *keeper(void *arg) { (void)arg; keep_deeper(); return 0; }
int main(int argc, char **argv)
{
    pthread_t t;
    (void)argc;
    if (!strcmp(argv[1], "own"))
        pthread_create(&t, 0, counter, 0), count();
    if (!strcmp(argv[1], "callback"))
        t = library_call(count), count();
    if (!strcmp(argv[1], "handle"))
        pthread_create(&t, 0, keeper, 0), keep_deeper();
    if (!strcmp(argv[1], "inside"))
        library_begin(), t = library_begin();
    pthread_join(t, 0);
    puts("done");
    return 0;
}
"""


def build(directory, library: str):
    """With a library that is not instrumented, as the distribution's are not."""
    directory.mkdir()
    (directory / "library.c").write_text(LIBRARY)
    (directory / "program.c").write_text(PROGRAM)
    for command in (f"-g -shared -fPIC -fno-builtin -Wl,-soname,{library} -o {library} library.c",
                    f"-g -fsanitize=thread -Wl,-rpath,{directory} -o racing program.c ./{library}"):
        subprocess.run(["gcc", *command.split()], cwd=directory, check=True)
    return directory / "racing"


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("racing")
    return {name: build(directory / name, name) for name in ("libany.so", "libgrpc.so.29")}


@pytest.mark.parametrize("library, race, ours", [
    ("libany.so", "own", True),  # two threads of ours at a variable of ours
    ("libgrpc.so.29", "own", True),
    ("libany.so", "callback", True),  # on a library's thread, the library is in the stack
    ("libany.so", "handle", True),  # two threads of ours in one thing of a library that knows no threads
    ("libany.so", "inside", False),
    ("libgrpc.so.29", "callback", False),  # it may have handed it over; that cannot be seen
    ("libgrpc.so.29", "handle", False),
])
def test_a_race_is_told_whose_it_is(programs, tmp_path, library, race, ours):
    done = subprocess.run([programs[library], race], env={**os.environ, **options(tmp_path)},
                          capture_output=True, text=True)
    assert done.returncode == 0, "a report does not end the program"
    found, others = read(tmp_path)
    assert (bool(found), bool(others)) == (ours, not ours), found or others


def test_a_report_of_ours_fails_the_run(programs, tmp_path):
    subprocess.run([programs["libany.so"], "own"], env={**os.environ, **options(tmp_path)}, check=True)
    said = subprocess.run([sys.executable, ROOT / "tests/tsan_report.py", tmp_path], capture_output=True, text=True)
    assert said.returncode == 1 and "in count" in said.stdout and "1 reports of ours, 0 of" in said.stdout


def test_no_report_is_no_failure(tmp_path):
    assert subprocess.run([sys.executable, ROOT / "tests/tsan_report.py", tmp_path]).returncode == 0


def test_what_is_not_understood_is_ours(tmp_path):
    (tmp_path / "tsan.1").write_text("FATAL: ThreadSanitizer: unexpected memory mapping\n")
    assert len(read(tmp_path)[0]) == 1
