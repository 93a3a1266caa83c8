/* give_up.c - the process sends SIGTERM to itself; nobody else sends it in its name. */
#include "base/give_up.h"

#include "base/log.h"

#include <unistd.h>

void ts_give_up(const char *component, const char *sentence)
{
    ts_log(TS_ERROR, component, sentence, "stopping=1");
    kill(getpid(), SIGTERM);
}

bool ts_gave_up(const siginfo_t *info)
{
    return info->si_signo == SIGTERM && info->si_pid == getpid();
}
