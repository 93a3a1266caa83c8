/* score.c - JSON lines in, one JSON line with score, explanation and decision out, in the order of
 * the input. Each line is {"prompt" or "messages", "response", …}; what else the record knows
 * (tools, response_format, logprobs, finish_reason, context) may be there, too. With --output a run
 * that was stopped goes on where it was; what was scored before is not paid for again. */
#include "cmd/cmd.h"

#include "cmd/score_file.h"
#include "cmd/score_line.h"
#include "pipeline/engine/score_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LONGEST_LINE = 64 << 20, IN_FLIGHT = 256 };

struct options {
    const char *scorer, *path, *output, *cache, *replay, *compat;
    bool no_cache;
};

struct session {
    struct ts_loop *loop;
    const struct ts_scorer *scorer;
    struct ts_instance *instance;
    struct ts_cache *cache;   /* NULL: none */
    struct ts_score_file out; /* where results go, and what is in it already */
    FILE *in;
    struct ts_buf line;  /* that is being read */
    size_t lines, total; /* read so far; in the input, 0: unknown */
    size_t printed, failed, cached, resumed;
    double cost; /* also of the lines that a resumed output holds */
    char last_failure[160];
    int open; /* items not yet printed */
    bool end;
    struct item *first, **last; /* in the order of the input */
    struct ts_task more;
    bool more_posted, show_progress;
    ts_time next_progress;
};

struct item {
    struct ts_score_job job; /* first: the cast back from the job is safe */
    struct session *session;
    struct item *next;
    struct ts_arena *arena;
    struct ts_llm llm;
    cJSON *tree;
    struct ts_cache_key key;
    size_t number; /* of the line, from 1 */
    const char *decision;
    ts_view reason;
    bool decided;
};

/* ---- progress: on standard error, a line that renews itself, or one every ten seconds ---- */

static void show_progress(struct session *s, bool last)
{
    bool terminal = isatty(STDERR_FILENO);
    ts_time now = ts_now();
    if (!s->show_progress || (!last && now < s->next_progress))
        return;
    s->next_progress = now + (terminal ? 100 * TS_MS : 10 * TS_S);
    char of[32] = "";
    if (s->total > 0)
        snprintf(of, sizeof of, " of %zu", s->total);
    fprintf(stderr, "%s%zu%s done, %zu from the cache, $%.4f so far, %zu failed%s%s%s",
            terminal ? "\r\033[K" : "", s->printed + s->resumed, of, s->cached, s->cost, s->failed,
            s->failed ? ", last: " : "", s->last_failure, terminal && !last ? "" : "\n");
}

/* ---- results ---- */

static void print_item(struct item *it)
{
    struct session *s = it->session;
    struct ts_buf out = TS_BUF_INIT;
    const struct ts_score_line line = {.id = ts_json_get(it->tree, "id"),
                                       .number = it->number,
                                       .decision = it->decision,
                                       .reason = it->reason,
                                       .scorer = s->scorer->base.type,
                                       .score = &it->job.result};
    ts_score_line_print(&line, &out);
    ts_score_file_add(&s->out, ts_buf_view(&out));
    ts_buf_release(&out);
    s->printed++;
    if (it->job.result.cost_usd > 0)
        s->cost += it->job.result.cost_usd;
}

static void free_item(struct item *it)
{
    cJSON_Delete(it->tree);
    ts_arena_free(it->arena);
    free(it);
}

static void print_ready(struct session *s)
{
    while (s->first && s->first->decided) {
        struct item *it = s->first;
        s->first = it->next;
        if (!s->first)
            s->last = &s->first;
        print_item(it);
        free_item(it);
        s->open--;
    }
    show_progress(s, false);
}

/* ---- the stream ---- */

static void ask_for_more(struct session *s)
{
    if (!s->more_posted)
        ts_loop_post(s->loop, &s->more);
    s->more_posted = true;
}

static void failed(struct item *it, ts_view why)
{
    struct session *s = it->session;
    it->decided = true;
    it->decision = "failed";
    it->reason = why;
    it->job.result.has_score = false;
    s->failed++;
    snprintf(s->last_failure, sizeof s->last_failure, TS_FMT, TS_ARG(why));
}

static void on_scored(struct ts_job *job, enum ts_job_end end)
{
    struct item *it = (struct item *)(void *)job;
    struct session *s = it->session;
    const struct ts_score *r = &it->job.result;
    it->decided = true;
    it->decision = r->has_score ? "scored" : "skipped";
    it->reason = r->has_score ? TS_NOTHING : r->skipped;
    if (end != TS_JOB_DONE)
        failed(it, end == TS_JOB_FAILED    ? ts_view_str(job->err.what)
                   : end == TS_JOB_EXPIRED ? TS_LIT("deadline")
                                           : TS_LIT("cancelled"));
    else if (s->cache)
        ts_score_remember(s->cache, &it->key, r);
    ask_for_more(s);
}

/* Was this pair scored before? */
static bool recall(struct item *it)
{
    struct session *s = it->session;
    if (!s->cache)
        return false;
    it->key = ts_score_key(s->scorer, s->instance, &it->llm);
    if (!ts_score_recall(s->cache, &it->key, it->arena, &it->job.result))
        return false;
    it->decided = true;
    it->decision = "cached";
    s->cached++;
    ask_for_more(s);
    return true;
}

static void ask(struct item *it)
{
    struct session *s = it->session;
    it->job.job.home = s->loop;
    it->job.job.done = on_scored;
    it->job.job.deadline = ts_now() + 3600 * TS_S;
    it->job.llm = &it->llm;
    it->job.arena = it->arena;
    it->job.result.cost_usd = -1;
    s->scorer->score(s->instance, &it->job);
}

static struct item *new_item(struct session *s, cJSON *tree)
{
    struct item *it = ts_alloc(sizeof *it);
    it->session = s;
    it->arena = ts_arena_new();
    it->number = s->lines;
    it->tree = tree;
    *s->last = it;
    s->last = &it->next;
    s->open++;
    return it;
}

static void add_item(struct session *s, ts_view text)
{
    struct ts_err err = {0};
    cJSON *tree = ts_json_parse(text, NULL, &err);
    if (tree && ts_score_file_has(&s->out, ts_json_get(tree, "id"), s->lines)) {
        s->resumed++;
        cJSON_Delete(tree);
        return;
    }
    struct item *it = new_item(s, tree);
    if (!tree || !ts_score_line_read(it->arena, tree, &it->llm, &err))
        failed(it, ts_arena_printf(it->arena, "line %zu: %s", it->number, err.what));
    else if (!recall(it))
        ask(it);
}

/* The next line; false: there is none. One that is too long is skipped to its end, and s->line says
 * so by its overflow. */
static bool read_line(struct session *s)
{
    int c = getc_unlocked(s->in);
    if (c == EOF)
        return false;
    ts_buf_clear(&s->line);
    for (; c != EOF && c != '\n'; c = getc_unlocked(s->in))
        ts_buf_add_byte(&s->line, (uint8_t)c);
    s->lines++;
    return true;
}

static void read_more(struct ts_task *task)
{
    struct session *s = TS_CONTAINER_OF(task, struct session, more);
    s->more_posted = false;
    while (!s->end && s->open < IN_FLIGHT) {
        s->end = !read_line(s);
        ts_view text = s->end ? TS_NOTHING : ts_view_trim(ts_buf_view(&s->line));
        if (!s->end && s->line.overflow) {
            struct item *it = new_item(s, NULL);
            failed(it, ts_arena_printf(it->arena, "line %zu: longer than 64 MiB", it->number));
        } else if (text.len > 0) {
            add_item(s, text);
        }
    }
    print_ready(s);
    if (!s->end && s->open < IN_FLIGHT) /* all in flight were done: nobody else asks */
        ask_for_more(s);
    if (s->end && s->open == 0)
        ts_loop_break(s->loop);
}

/* ---- one run ---- */

/* Lines that hold something; 0 for a stream. */
static size_t count_lines(FILE *in)
{
    if (fseek(in, 0, SEEK_SET) != 0)
        return 0;
    size_t lines = 0;
    bool something = false;
    for (int c; (c = getc_unlocked(in)) != EOF;) {
        something |= c != '\n' && c != ' ' && c != '\r';
        if (c == '\n') {
            lines += something;
            something = false;
        }
    }
    rewind(in);
    return lines + something;
}

/* Beside the scores that `run` keeps: the two know each other's. */
static struct ts_cache *open_cache(const struct options *o, const struct ts_scorer *scorer)
{
    struct ts_err err = {0};
    char standard[512];
    const char *state = getenv("TRUSTSPAN_STATE_DIR");
    snprintf(standard, sizeof standard, "%s/scores", state ? state : "/var/lib/trustspan");
    struct ts_cache_options options = {.directory = o->cache ? o->cache : standard,
                                       .max_bytes = 256u << 20,
                                       .max_age = 720 * 3600 * TS_S};
    if (o->no_cache || !scorer->cancel) /* one that answers at once needs none */
        return NULL;
    struct ts_cache *cache = ts_cache_open(&options, &err);
    if (!cache)
        fprintf(stderr, "trustspan: no cache: %s\n", err.what);
    return cache;
}

static int run(struct session *s, const struct ts_planned *planned, struct ts_err *err)
{
    s->last = &s->first;
    s->line = TS_BUF_LIMIT(LONGEST_LINE);
    s->cost = s->out.cost;
    s->more.run = read_more;
    s->next_progress = ts_now() + TS_S;
    s->loop = ts_loop_new("score");
    struct ts_host host = {.id = "scorer", .loop = s->loop};
    s->instance = planned->component->create(&host, planned->config, err);
    int status = s->instance ? 0 : ts_cmd_failed(err);
    if (s->instance) {
        ask_for_more(s);
        ts_loop_run(s->loop);
        show_progress(s, true);
        status = s->failed ? 1 : 0;
    }
    if (ferror(s->in)) {
        ts_fail(err, TS_DATA_LOSS, "cannot read beyond line %zu of the input", s->lines);
        status = ts_cmd_failed(err);
    }
    planned->component->free(s->instance);
    ts_loop_free(s->loop);
    ts_buf_release(&s->line);
    return status;
}

static int score_file(const struct options *o, struct ts_planned *planned, struct ts_err *err)
{
    bool standard = strcmp(o->path, "-") == 0;
    struct session s = {.in = standard ? stdin : fopen(o->path, "r")};
    int status = 1;
    if (!s.in) {
        ts_fail(err, TS_NOT_FOUND, "cannot open '%s': %s", o->path, strerror(errno));
        return ts_cmd_failed(err);
    }
    s.scorer = (const struct ts_scorer *)(const void *)planned->component;
    s.show_progress = o->output || isatty(STDERR_FILENO) || s.scorer->cancel;
    s.total = standard ? 0 : count_lines(s.in);
    if (ts_score_file_open(&s.out, o->output, err)) {
        s.cache = open_cache(o, s.scorer);
        status = run(&s, planned, err);
        ts_cache_close(s.cache);
    } else {
        ts_cmd_failed(err);
    }
    ts_score_file_close(&s.out);
    if (!standard)
        fclose(s.in);
    return status;
}

/* ---- arguments ---- */

static bool read_arguments(int argc, char **argv, struct options *o, struct ts_err *err)
{
    const struct {
        const char *name;
        const char **value;
    } named[] = {{"--scorer", &o->scorer},
                 {"--output", &o->output},
                 {"--cache", &o->cache},
                 {"--replay", &o->replay},
                 {"--compat", &o->compat}};
    for (int i = 0; i < argc; i++) {
        bool bad = false;
        bool taken = strcmp(argv[i], "--no-cache") == 0;
        o->no_cache |= taken;
        for (size_t k = 0; k < TS_COUNT(named) && !taken && !bad; k++) {
            const char *value = ts_cmd_option(argc, argv, &i, named[k].name, &bad);
            if (value)
                *named[k].value = value;
            taken = value != NULL;
        }
        if (bad)
            return ts_fail(err, TS_INVALID_ARGUMENT, "'%s' needs a value", argv[argc - 1]);
        if (taken)
            continue;
        if (o->path || (argv[i][0] == '-' && argv[i][1] != '\0'))
            return ts_fail(err, TS_INVALID_ARGUMENT, "unknown argument '%s'", argv[i]);
        o->path = argv[i];
    }
    if (o->replay ? o->path != NULL : !o->path)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "%s; usage: trustspan score [--scorer ID] [--config FILE] [--output FILE] "
                       "[--cache DIR | --no-cache] FILE|-, or trustspan score --replay FILE "
                       "[--compat recommended|reference]",
                       o->replay ? "--replay takes its input itself" : "no input");
    if (o->compat && !o->replay)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "--compat goes with --replay; for a scorer set compat under scorers::tlm");
    return true;
}

int ts_cmd_score(int argc, char **argv)
{
    struct ts_err err = {0};
    struct ts_arena *arena = ts_arena_new();
    struct ts_node *root = NULL;
    struct options o = {.scorer = "auto"};
    bool ok =
        ts_cmd_config(arena, &argc, argv, &root, &err) && read_arguments(argc, argv, &o, &err);
    int status = 1;
    if (ok && o.replay) {
        status = ts_cmd_replay(o.replay, o.compat ? o.compat : "recommended");
        ts_arena_free(arena);
        return status;
    }
    struct ts_plan *plan = ok ? ts_plan_scoring(arena, root, &err) : NULL;
    struct ts_planned *scorer = plan ? ts_plan_scorer(plan, o.scorer, &err) : NULL;
    if (scorer)
        status = score_file(&o, scorer, &err);
    else
        ts_cmd_failed(&err);
    ts_arena_free(arena);
    return status;
}
