/* main.c - which command, and what they share. */
#include "cmd/cmd.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", ts_cmd_run, "receive, score, forward; --config FILE, none: drop-in for Phoenix"},
    {"validate", ts_cmd_validate, "check a configuration; --config FILE"},
    {"components", ts_cmd_components, "list all components and their settings"},
    {"score", ts_cmd_score, "score JSON lines from FILE or -; --scorer ID, --config FILE"},
    {"inspect", ts_cmd_inspect,
     "show what is seen in an OTLP request, JSON or protobuf; --explain, FILE or -"},
    {"store", ts_cmd_store,
     "check DIR: is the store there sound; rescue DIR --to NEW_DIR: save what can be read"},
    {"version", ts_cmd_version, "print the version"},
};

static int usage(FILE *to)
{
    fprintf(to, "trustspan " TS_VERSION " - scores the trustworthiness of LLM spans in flight\n\n"
                "usage: trustspan COMMAND [options]\n\n");
    for (size_t i = 0; i < TS_COUNT(commands); i++)
        fprintf(to, "  %-12s%s\n", commands[i].name, commands[i].help);
    return to == stdout ? 0 : 2;
}

int ts_cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("trustspan " TS_VERSION);
    return 0;
}

int ts_cmd_failed(const struct ts_err *err)
{
    fprintf(stderr, "trustspan: %s%s%s\n", err->where, err->where[0] ? ": " : "", err->what);
    return 1;
}

const char *ts_cmd_option(int argc, char **argv, int *at, const char *name, bool *bad)
{
    const char *arg = argv[*at];
    assert(arg); /* argv[argc] alone is NULL */
    size_t len = strlen(name);
    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    if (*at + 1 < argc)
        return argv[++*at];
    fprintf(stderr, "trustspan: %s needs a value\n", name);
    *bad = true;
    return NULL;
}

bool ts_cmd_unknown(const char *arg, const char *takes, struct ts_err *err)
{
    if (arg[0] != '-' || !arg[1])
        return ts_fail(err, TS_INVALID_ARGUMENT, "an argument stands by itself; %s", takes);
    return ts_fail(err, TS_INVALID_ARGUMENT, "unknown argument '%.*s'; %s", (int)strcspn(arg, "= "),
                   arg, takes);
}

/* --set a.b.c=v as the YAML tree {a: {b: {c: v}}}. The value may be a secret: an error says where it was to
 * go, and no more. */
static struct ts_node *set_node(struct ts_arena *arena, const char *text, struct ts_err *err)
{
    const char *equals = strchr(text, '=');
    struct ts_buf yaml = TS_BUF_INIT;
    int depth = 0;
    struct ts_node *node = NULL;
    if (!equals || equals == text) {
        ts_fail(err, TS_INVALID_ARGUMENT, "--set needs a key and a value: --set a.b.c=value");
        return NULL;
    }
    ts_view path = ts_view_of(text, (size_t)(equals - text));
    while (path.len > 0) {
        size_t dot = ts_view_find(path, TS_LIT("."));
        ts_buf_add_str(&yaml, "{\"");
        ts_buf_add_view(&yaml, ts_view_cut(path, 0, dot));
        ts_buf_add_str(&yaml, "\": ");
        depth++;
        path = dot == SIZE_MAX ? TS_NOTHING : ts_view_from(path, dot + 1);
    }
    ts_buf_add_str(&yaml, equals + 1);
    for (; depth > 0; depth--)
        ts_buf_add_byte(&yaml, '}');
    node = ts_node_parse(arena, "--set", ts_buf_view(&yaml), err);
    if (!node)
        ts_fail_in(err, "--set %.*s", (int)(equals - text), text);
    if (!node && strncmp(err->what, "not YAML", 8) == 0) /* the parser may quote it */
        ts_fail(err, err->code, "the value is not YAML; put it in quotes");
    if (yaml.ptr)
        explicit_bzero(yaml.ptr, yaml.len);
    ts_buf_release(&yaml);
    return node;
}

bool ts_cmd_config(struct ts_arena *arena, int *argc, char **argv, struct ts_node **root,
                   struct ts_err *err)
{
    struct ts_node *sets = NULL;
    int kept = 0;
    *root = NULL;
    for (int i = 0; i < *argc; i++) {
        bool bad = false;
        int at = i;
        const char *file = ts_cmd_option(*argc, argv, &at, "--config", &bad);
        const char *set = file ? NULL : ts_cmd_option(*argc, argv, &at, "--set", &bad);
        if (bad)
            return ts_fail(err, TS_INVALID_ARGUMENT, "the command line is not complete");
        if (!file && !set) {
            argv[kept++] = argv[i];
            continue;
        }
        if (file && strncmp(file, "file:", 5) == 0)
            file += 5;
        struct ts_node *node = file ? ts_node_load(arena, file, err) : set_node(arena, set, err);
        if (!node)
            return false;
        if (file)
            *root = ts_node_merge(arena, *root, node);
        else
            sets = ts_node_merge(arena, sets, node);
        i = at;
    }
    *argc = kept;
    *root = ts_node_merge(arena, *root, sets);
    return true;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error, not the end */
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
        return usage(stdout);
    if (strcmp(name, "--version") == 0)
        return ts_cmd_version(0, NULL);
    for (size_t i = 0; i < TS_COUNT(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 2, argv + 2);
    if (*name)
        fprintf(stderr, "trustspan: unknown command '%s'\n\n", name);
    return usage(stderr);
}
