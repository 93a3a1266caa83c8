/* settings_print.c - settings in force as YAML, and tables as documentation. */
#include "config/settings.h"

#include "base/secrets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MARK = 256 }; /* room for a value's name instead of it: ${env:NAME} */

static const char *const kind_names[] = {
    [TS_TEXT] = "text",
    [TS_SECRET] = "secret",
    [TS_BOOL] = "bool",
    [TS_INT] = "int",
    [TS_DOUBLE] = "number",
    [TS_DURATION] = "duration",
    [TS_SIZE] = "size",
    [TS_ENUM] = "choice",
    [TS_TEXTS] = "list",
    [TS_PAIRS] = "map",
    [TS_SECRET_PAIRS] = "map of secrets",
    [TS_BLOCK] = "block",
    [TS_BLOCKS] = "list of blocks",
    [TS_TREE] = "structure",
};

static void print_text(struct ts_buf *out, const char *text)
{
    if (!text) {
        ts_buf_add_str(out, "null");
        return;
    }
    char *masked = ts_alloc(2 * strlen(text) + MARK);
    memcpy(masked, text, strlen(text));
    ts_secret_mask(masked, 2 * strlen(text) + MARK);
    ts_buf_add_byte(out, '"');
    for (const char *c = masked; *c; c++)
        ts_buf_printf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    ts_buf_add_byte(out, '"');
    free(masked);
}

static void print_enum(struct ts_buf *out, const char *choices, int value)
{
    for (; value > 0 && choices; value--) {
        choices = strchr(choices, '|');
        choices = choices ? choices + 1 : NULL;
    }
    if (choices)
        ts_buf_add(out, choices, strcspn(choices, "|"));
}

static void print_pairs(struct ts_buf *out, const struct ts_pairs *pairs, bool secret)
{
    ts_buf_add_byte(out, '{');
    for (size_t i = 0; i < pairs->count; i++) {
        ts_buf_add_str(out, i ? ", " : "");
        print_text(out, pairs->items[i].key);
        ts_buf_add_str(out, ": ");
        print_text(out, secret ? "[REDACTED]" : pairs->items[i].value);
    }
    ts_buf_add_byte(out, '}');
}

static void print_texts(struct ts_buf *out, const struct ts_texts *texts)
{
    ts_buf_add_byte(out, '[');
    for (size_t i = 0; i < texts->count; i++) {
        ts_buf_add_str(out, i ? ", " : "");
        print_text(out, texts->items[i]);
    }
    ts_buf_add_byte(out, ']');
}

static void print_value(const struct ts_setting *row, const void *at, struct ts_buf *out)
{
    char text[48];
    switch (row->kind) {
    case TS_TEXT:
        print_text(out, *(const char *const *)at);
        break;
    case TS_SECRET:
        print_text(out, *(const char *const *)at ? "[REDACTED]" : NULL);
        break;
    case TS_BOOL:
        ts_buf_add_str(out, *(const bool *)at ? "true" : "false");
        break;
    case TS_INT:
        ts_buf_printf(out, "%" PRId64, *(const int64_t *)at);
        break;
    case TS_DOUBLE:
        ts_buf_printf(out, "%g", *(const double *)at);
        break;
    case TS_DURATION:
        ts_buf_add_str(out, ts_duration_print(*(const ts_time *)at, text, sizeof text));
        break;
    case TS_SIZE:
        ts_buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
        break;
    case TS_ENUM:
        print_enum(out, row->choices, *(const int *)at);
        break;
    case TS_TEXTS:
        print_texts(out, at);
        break;
    case TS_PAIRS:
    case TS_SECRET_PAIRS:
        print_pairs(out, at, row->kind == TS_SECRET_PAIRS);
        break;
    default:
        ts_buf_add_str(out, *(const struct ts_node *const *)at ? "(set)" : "null");
        break;
    }
}

static void print_blocks(const struct ts_setting *row, const struct ts_blocks *blocks, int indent,
                         struct ts_buf *out)
{
    ts_buf_add_str(out, blocks->count ? "\n" : " []\n");
    for (size_t i = 0; i < blocks->count; i++) {
        ts_buf_printf(out, "%*s-\n", indent, "");
        ts_settings_print(row->sub, (const char *)blocks->items + i * row->size, indent + 2, out);
    }
}

void ts_settings_print(const struct ts_setting *table, const void *config, int indent,
                       struct ts_buf *out)
{
    for (const struct ts_setting *row = table; row->key; row++) {
        const void *at = (const char *)config + row->offset;
        ts_buf_printf(out, "%*s%s:", indent, "", row->key);
        if (row->kind == TS_BLOCKS) {
            print_blocks(row, at, indent + 2, out);
            continue;
        }
        if (row->kind == TS_BLOCK) {
            ts_buf_add_byte(out, '\n');
            ts_settings_print(row->sub, at, indent + 2, out);
            continue;
        }
        ts_buf_add_byte(out, ' ');
        print_value(row, at, out);
        ts_buf_add_byte(out, '\n');
    }
}

static void describe(const struct ts_setting *table, const char *prefix, int indent,
                     struct ts_buf *out)
{
    for (const struct ts_setting *row = table; row->key; row++) {
        char key[160];
        snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "", row->key);
        if (row->kind == TS_BLOCKS)
            snprintf(key, sizeof key, "%s%s%s[]", prefix, *prefix ? "." : "", row->key);
        if (row->kind == TS_BLOCK || row->kind == TS_BLOCKS) {
            describe(row->sub, key, indent, out);
            continue;
        }
        ts_buf_printf(out, "%*s- {key: %s, kind: %s, ", indent, "", key, kind_names[row->kind]);
        if (row->default_text) {
            ts_buf_add_str(out, "default: ");
            print_text(out, row->default_text);
            ts_buf_add_str(out, ", ");
        }
        if (row->min || row->max)
            ts_buf_printf(out, "range: \"%s to %s\", ", row->min ? row->min : "any",
                          row->max ? row->max : "any");
        if (row->choices)
            ts_buf_printf(out, "choices: \"%s\", ", row->choices);
        ts_buf_add_str(out, "help: ");
        print_text(out, row->help);
        ts_buf_add_str(out, "}\n");
    }
}

void ts_settings_describe(const struct ts_setting *table, int indent, struct ts_buf *out)
{
    describe(table, "", indent, out);
}
