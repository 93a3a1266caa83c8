/* tlm.c - N scores of the tlm scorer in flight at once on one loop thread, against tests/bench/judge.py.
 * Prints JSON: CPU seconds a score, and memory a score beyond the texts of the records.
 *
 * bench_tlm PORT SCORES MAX_IN_FLIGHT */
#include "pipeline/scorer.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

extern const struct ts_scorer ts_scorer_tlm;

static size_t left, scored;

static void on_done(struct ts_job *job, enum ts_job_end end)
{
    struct ts_score_job *s = (struct ts_score_job *)(void *)job;
    scored += end == TS_JOB_DONE && s->result.has_score;
    ts_arena_free(s->arena);
    if (--left == 0)
        ts_loop_break(job->home);
}

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* VmRSS, VmHWM in bytes. */
static double memory(const char *row)
{
    char line[256];
    double kilobytes = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, row, strlen(row)) == 0)
            kilobytes = atof(line + strlen(row) + 1);
    if (status)
        fclose(status);
    return kilobytes * 1024;
}

int main(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_loop *loop = ts_loop_new("bench");
    struct ts_host host = {.id = "scorer", .loop = loop};
    if (argc < 4)
        return 2;
    size_t n = strtoul(argv[2], NULL, 10);
    struct rlimit files = {16384 + 100, 16384 + 100};
    setrlimit(RLIMIT_NOFILE, &files);
    ts_view yaml = ts_arena_printf(arena,
                                   "{base_url: 'http://127.0.0.1:%s/v1', api_key: k, "
                                   "max_in_flight: %s, reasoning_effort: none, timeout: 5m}",
                                   argv[1], argv[3]);
    void *config = ts_arena_alloc(arena, ts_scorer_tlm.base.config_size);
    struct ts_node *node = ts_node_parse(arena, "bench", yaml, &err);
    if (!node || !ts_settings_load(arena, ts_scorer_tlm.base.settings, node, "tlm", config, &err)) {
        fprintf(stderr, "%s\n", err.what);
        return 1;
    }
    struct ts_instance *tlm = ts_scorer_tlm.base.create(&host, config, &err);
    struct ts_message message = {.role = TS_LIT("user"),
                                 .content = TS_LIT("Which metal melts in the hand?")};
    struct ts_llm llm = {.messages = &message, .message_count = 1, .response = TS_LIT("Gallium.")};
    struct ts_score_job *jobs = ts_alloc(n * sizeof *jobs);
    for (size_t i = 0; i < n; i++)
        jobs[i] = (struct ts_score_job){.llm = &llm, .arena = ts_arena_new()};
    double resident = memory("VmRSS:");
    double began = cpu();
    left = n;
    for (size_t i = 0; i < n; i++) {
        jobs[i].job.home = loop;
        jobs[i].job.done = on_done;
        ts_scorer_tlm.score(tlm, &jobs[i]);
    }
    ts_loop_run(loop);
    printf("{\"scores\": %zu, \"cpu_ms_per_score\": %.4f, \"bytes_per_score\": %.0f}\n", scored,
           (cpu() - began) * 1000 / (double)n, (memory("VmHWM:") - resident) / (double)n);
    ts_scorer_tlm.base.free(tlm);
    free(jobs);
    ts_loop_free(loop);
    ts_arena_free(arena);
    return scored == n ? 0 : 1;
}
