/* run.c - the service: start, wait for a signal, stop. */
#include "cmd/cmd.h"

#include "base/give_up.h"
#include "base/log.h"
#include "pipeline/engine/service.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_GAVE_UP = 1 };

static void keep_large_blocks(void)
{
    /* Requests of hundreds of kB come and go all the time; giving their memory back to the system
     * each time costs more than everything else (feasibility, 2). */
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

/* A connection is a file descriptor, and the soft limit of 1024 is there for programs that use select. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* what stays is what max_connections reckons with */
}

static siginfo_t wait_for_signal(const sigset_t *set)
{
    siginfo_t info = {0};
    while (sigwaitinfo(set, &info) < 0)
        continue;
    return info;
}

/* A second signal does not wait for the first to finish. */
static void *exit_on_second(void *arg)
{
    wait_for_signal(arg);
    ts_log(TS_WARN, "service", "second signal, exiting at once", "");
    _exit(130);
}

static int stop_on_signal(struct ts_service *service, sigset_t *set)
{
    siginfo_t got = wait_for_signal(set);
    ts_log(TS_INFO, "service", "stopping", "signal=%d", got.si_signo);
    pthread_t second;
    if (pthread_create(&second, NULL, exit_on_second, set) == 0)
        pthread_detach(second);
    ts_service_stop(service);
    ts_log(TS_INFO, "service", "stopped", "");
    return ts_gave_up(&got) ? EXIT_GAVE_UP : 0;
}

int ts_cmd_run(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_node *root = NULL;
    struct ts_plan *plan = NULL;
    int status = 1;
    if (!ts_cmd_config(arena, &argc, argv, &root, &err))
        goto out;
    if (argc > 0) {
        ts_fail(&err, TS_INVALID_ARGUMENT, "unknown argument '%s'; run takes --config and --set",
                argv[0]);
        goto out;
    }
    plan = ts_plan_make(arena, root, &err);
    if (!plan)
        goto out;
    enum ts_level level;
    if (!ts_log_level_parse(ts_view_str(plan->service.telemetry.logs.level), &level)) {
        ts_fail_in(&err, "service::telemetry::logs::level");
        ts_fail(&err, TS_INVALID_ARGUMENT, "'%s' is none of debug, info, warn, error",
                plan->service.telemetry.logs.level);
        goto out;
    }
    ts_log_set_level(level);
    keep_large_blocks();
    raise_open_files();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* every thread inherits it */
    struct ts_service *service = ts_service_start(plan, &err);
    if (!service)
        goto out;
    ts_log(TS_INFO, "service", "ready", "version=" TS_VERSION " scorer=%s",
           plan->trust_scorer ? plan->trust_scorer : "none");
    status = stop_on_signal(service, &set);
out:
    if (err.code != TS_OK)
        ts_cmd_failed(&err);
    ts_arena_free(arena);
    return status;
}
