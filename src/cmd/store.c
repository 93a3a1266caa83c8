/* store.c - a store looked at, and saved, while nothing runs on it. */
#include "cmd/cmd.h"

#include "pipeline/engine/record.h"
#include "store/check.h"
#include "store/directories.h"
#include "store/rescue.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Of what is kept, which has an owner, only what is late has an end. */
static bool describe(ts_view bytes, struct ts_description *out)
{
    struct ts_record record;
    struct ts_err err = {0};
    size_t length = ts_record_length(bytes);
    if (length == 0 || !ts_record_decode(ts_view_cut(bytes, 0, length), &record, &err))
        return false;
    ts_headers_unref(record.headers);
    *out = (struct ts_description){record.give_up != 0    ? TS_TABLE_LATE
                                   : record.owner.len > 0 ? TS_TABLE_DECIDED
                                                          : TS_TABLE_SPOOL,
                                   length, record.received};
    return true;
}

static bool all_there(const struct ts_salvage *s)
{
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        if (!s->stored_known[t] || s->readable[t] < s->stored[t])
            return false;
    return true;
}

static void print_found(const char *what, const struct ts_salvage *s)
{
    struct ts_buf line = TS_BUF_INIT;
    ts_salvage_say(s, &line);
    printf("%s: %s, %" PRIu64 " bytes\n", what, ts_buf_cstr(&line), s->bytes);
    ts_buf_release(&line);
}

static void print_cache(const char *directory)
{
    char path[PATH_MAX];
    struct ts_err err = {0};
    snprintf(path, sizeof path, "%s/scores", directory);
    if (access(path, F_OK) == 0 && !ts_check_file(path, false, &err))
        printf("score cache: '%s/data.mdb' is damaged, %s; the next start sets it aside\n", path,
               err.what);
}

/* 0: sound, and all of it can be read; 1: not. */
static int check(const char *directory, const struct ts_salvage *s)
{
    bool whole = all_there(s) || s->pages.bytes == 0;
    if (s->flaw[0])
        printf("damaged: '%s/data.mdb', %s\n", directory, s->flaw);
    else
        printf("%s: '%s/data.mdb'\n", whole ? "sound" : "sound, but not all of its records are",
               directory);
    print_found("can be read", s);
    print_cache(directory);
    if (s->flaw[0] && s->count > 0)
        printf("save them: trustspan store rescue %s --to NEW_DIRECTORY\n", directory);
    return s->flaw[0] || !whole ? 1 : 0;
}

static void print_others(const struct ts_salvage *s, const uint64_t *written)
{
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        if (!s->stored_known[t])
            printf("how many %s there were cannot be told\n", ts_salvage_words[t]);
        else if (written[t] < s->stored[t])
            printf("lost: %" PRIu64 " %s\n", s->stored[t] - written[t], ts_salvage_words[t]);
}

static void rescue_cache(const char *from, const char *to)
{
    char old[PATH_MAX];
    char new[PATH_MAX];
    struct ts_err err = {0};
    snprintf(old, sizeof old, "%s/scores", from);
    snprintf(new, sizeof new, "%s/scores", to);
    if (ts_rescue_cache(old, new, &err))
        puts("the score cache was copied");
    else if (err.code != TS_OK)
        printf("the score cache was left out: %s\n", err.what);
}

static int rescue(const char *from, const char *to, const struct ts_salvage *s)
{
    struct ts_err err = {0};
    uint64_t written[TS_TABLE_COUNT];
    if (!ts_rescue(s, to, written, &err))
        return ts_cmd_failed(&err);
    printf("saved in '%s':", to);
    for (size_t t = 0; t < TS_TABLE_COUNT; t++)
        printf("%s %" PRIu64 " %s", t > 0 ? "," : "", written[t], ts_salvage_words[t]);
    puts("");
    print_others(s, written);
    rescue_cache(from, to);
    printf("to deliver them, run trustspan with the extension file_storage's directory: %s\n", to);
    return 0;
}

static int with_store(const char *directory, const char *to)
{
    struct ts_salvage salvage;
    struct ts_err err = {0};
    int lock = -1;
    int status = 1;
    if (!ts_lock_directory(directory, false, &lock, &err))
        return ts_cmd_failed(&err);
    if (!ts_salvage(&salvage, directory, describe, &err)) {
        ts_cmd_failed(&err);
    } else {
        status = to ? rescue(directory, to, &salvage) : check(directory, &salvage);
        ts_salvage_release(&salvage);
    }
    if (lock >= 0)
        close(lock);
    return status;
}

static int usage(void)
{
    fputs("usage: trustspan store check DIR\n"
          "       trustspan store rescue DIR --to NEW_DIR\n",
          stderr);
    return 2;
}

int ts_cmd_store(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";
    const char *directory = NULL;
    const char *to = NULL;
    bool saves = strcmp(name, "rescue") == 0;
    if (!saves && strcmp(name, "check") != 0)
        return usage();
    for (int i = 1; i < argc; i++) {
        bool bad = false;
        const char *value = saves ? ts_cmd_option(argc, argv, &i, "--to", &bad) : NULL;
        if (bad || (!value && (directory || argv[i][0] == '-')))
            return usage();
        if (value)
            to = value;
        else
            directory = argv[i];
    }
    return directory && (to || !saves) ? with_store(directory, to) : usage();
}
