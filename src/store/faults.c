#include "store/faults.h"

#include "base/log.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMPONENT "store"

static void on_assert(MDB_env *env, const char *what)
{
    const char *directory = "";
    mdb_env_get_path(env, &directory);
    ts_log(TS_ERROR, COMPONENT,
           "the store was damaged while it was in use, stopping; see: trustspan store check",
           "directory='%s' lmdb=\"%s\"", directory, what);
    abort();
}

void ts_faults_watch(MDB_env *env)
{
    mdb_env_set_assert(env, on_assert);
}

/* A handler has nothing but what is global. Written before it is installed. */
static char message[PATH_MAX * 2 + 256];
static size_t length;

static void on_fault(int number)
{
    ssize_t ignored = write(STDERR_FILENO, message, length);
    (void)ignored;
    signal(number, SIG_DFL); /* the fault comes again when this returns, and ends the process */
}

void ts_faults_watch_pages(const char *directory)
{
    const struct sigaction action = {.sa_handler = on_fault};
    int n =
        snprintf(message, sizeof message,
                 "trustspan: a page of the store in '%s' cannot be read: its file was cut off, or "
                 "the disk fails; stopping. What is left of it: trustspan store check %s\n",
                 directory, directory);
    length = (size_t)n < sizeof message ? (size_t)n : sizeof message - 1;
    sigaction(SIGBUS, &action, NULL);
}
