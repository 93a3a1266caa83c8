#include "tlm/structured.h"

#include "tlm/literal.h"
#include "tlm/templates.h"
#include "tlm/text.h"

#include <math.h>
#include <stdlib.h>
#include <xxhash.h>

#define EPSILON 0.001 /* §3.5: of the harmonic mean, and of the asymptotic rescale */

/* No judge can speak of more fields than this; such an answer is judged as a whole. */
enum { MOST_FIELDS = 500 };

/* ---- the response ---- */

/* Without a Markdown fence around it, which models without response_format like to write. */
static ts_view unfenced(ts_view text)
{
    const ts_view fence = TS_LIT("```");
    if (!ts_view_starts(text, fence))
        return text;
    size_t line = ts_view_find(text, TS_LIT("\n"));
    size_t end = ts_text_find_last(text, text.len, fence, false);
    return line != SIZE_MAX && end > line ? ts_view_cut(text, line, end - line) : text;
}

/* JSON, fenced or not; for the reference a Python literal, too. */
static const struct ts_literal *read_value(struct ts_arena *arena, enum ts_tlm_compat compat,
                                           ts_view text)
{
    if (compat == TS_TLM_RECOMMENDED) {
        text = unfenced(text);
        cJSON *tree = ts_json_parse(text, NULL, NULL);
        if (!tree)
            return NULL;
        cJSON_Delete(tree);
    }
    return ts_literal_read(arena, text, NULL);
}

static void count_keys(struct ts_arena *arena, const struct ts_literal *v, struct ts_buf *hashes)
{
    for (const struct ts_literal *i = v->first; i; i = i->next) {
        uint64_t hash = XXH3_64bits(i->key.ptr, i->key.len);
        if (v->kind == TS_LITERAL_DICT)
            ts_buf_add(hashes, &hash, sizeof hash);
        count_keys(arena, i, hashes);
    }
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t distinct_keys(struct ts_arena *arena, const struct ts_literal *v)
{
    struct ts_buf hashes = TS_BUF_INIT;
    size_t distinct = 0;
    count_keys(arena, v, &hashes);
    size_t n = hashes.len / sizeof(uint64_t);
    uint64_t *hash = ts_arena_alloc(arena, hashes.len + 1);
    if (n > 0)
        memcpy(hash, hashes.ptr, hashes.len);
    qsort(hash, n, sizeof *hash, ascending);
    for (size_t i = 0; i < n; i++)
        distinct += i == 0 || hash[i] != hash[i - 1];
    ts_buf_release(&hashes);
    return distinct;
}

const ts_view *ts_structured_keys(struct ts_arena *arena, enum ts_tlm_compat compat,
                                  ts_view response, size_t *count, size_t *distinct)
{
    bool json_words = false;
    const struct ts_literal *v = read_value(arena, compat, response);
    *count = *distinct = 0;
    if (v)
        ts_literal_read(arena, response, &json_words);
    if (v && (compat == TS_TLM_RECOMMENDED || !json_words)) /* §8.3: else Python cannot read it */
        *distinct = distinct_keys(arena, v);
    if (!v || v->kind != TS_LITERAL_DICT)
        return NULL;
    size_t n = 0;
    for (const struct ts_literal *i = v->first; i; i = i->next)
        n++;
    if (n > MOST_FIELDS)
        return NULL;
    ts_view *keys = ts_arena_alloc(arena, (n + 1) * sizeof *keys);
    for (const struct ts_literal *i = v->first; i; i = i->next) {
        bool seen = false;
        for (size_t k = 0; k < *count; k++)
            seen |= ts_view_eq(keys[k], i->key);
        if (!seen)
            keys[(*count)++] = i->key;
    }
    return keys;
}

ts_view ts_structured_response(struct ts_arena *arena, enum ts_tlm_compat compat, ts_view response)
{
    const struct ts_literal *v =
        compat == TS_TLM_REFERENCE ? NULL : read_value(arena, compat, response);
    if (!v)
        return response;
    return v->kind == TS_LITERAL_TEXT ? v->text : ts_literal_canonical(arena, v);
}

ts_view ts_structured_sample(struct ts_arena *arena, enum ts_tlm_compat compat, ts_view reply)
{
    const struct ts_literal *answer = ts_literal_get(read_value(arena, compat, reply), "answer");
    if (!answer)
        return reply;
    if (compat == TS_TLM_REFERENCE)
        return ts_literal_print(arena, answer);
    return answer->kind == TS_LITERAL_TEXT ? answer->text : ts_literal_canonical(arena, answer);
}

/* ---- one judge's reply ---- */

/* n of a key over 100, clipped to 0…1. "nan" and "inf" are numbers to the reference alone, which
 * clips nothing. */
static bool hundredth(const struct ts_tlm *tlm, const struct ts_literal *v, double *out)
{
    if (!v || !ts_tlm_number(v->text, out))
        return false;
    *out /= 100;
    if (tlm->options->compat == TS_TLM_REFERENCE)
        return true;
    bool is_number = isfinite(*out);
    *out = *out < 0 ? 0 : *out > 1 ? 1 : *out;
    return is_number;
}

static double of_ten(ts_view text)
{
    static const char *const values[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"};
    for (size_t i = 0; i < TS_COUNT(values); i++)
        if (ts_view_is(text, values[i]))
            return (double)i / 10;
    return 0.5;
}

static double certainty_of(ts_view word) /* MCERT */
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"certain", 1},
                 {"mostly certain", .75},
                 {"somewhat certain", .5},
                 {"uncertain", .25},
                 {"likely incorrect", 0}};
    for (size_t i = 0; i < TS_COUNT(words); i++)
        if (ts_view_eq_nocase(word, ts_view_str(words[i].word)))
            return words[i].value;
    return 0.5;
}

static const struct ts_literal *bad_field(const struct ts_literal *list, ts_view name)
{
    for (const struct ts_literal *i = list->first; i; i = i->next) {
        const struct ts_literal *n = ts_literal_get(i, "field_name");
        if (n && ts_view_eq(n->text, name))
            return i;
    }
    return NULL;
}

static ts_view text_of(struct ts_arena *arena, const struct ts_literal *dict, const char *key)
{
    const struct ts_literal *v = ts_literal_get(dict, key);
    return v && v->kind == TS_LITERAL_TEXT ? ts_arena_copy(arena, v->text) : TS_NOTHING;
}

/* §13.1, first row: 0.1 for the fields listed, 0.9 for the others. */
static bool read_listed(struct ts_tlm *tlm, struct ts_tlm_call *call, const struct ts_literal *v)
{
    const struct ts_literal *list = ts_literal_get(v, "incorrect_fields");
    if (!list || list->kind != TS_LITERAL_LIST)
        return false;
    struct ts_tlm_field *fields = ts_arena_alloc(tlm->arena, (tlm->key_count + 1) * sizeof *fields);
    for (size_t i = 0; i < tlm->key_count; i++) {
        const struct ts_literal *bad = bad_field(list, tlm->keys[i]);
        fields[i] = (struct ts_tlm_field){tlm->keys[i], bad ? 0.1 : 0.9,
                                          text_of(tlm->arena, bad, "explanation")};
    }
    call->fields = fields;
    call->field_count = tlm->key_count;
    return true;
}

/* H = min(1, n / Σ 1/(s + ε)); no fields: 0 (§13.1). A NaN gives 1, as Python's min() does; only the
 * reference's rules let one in. */
static double harmonic_mean(const struct ts_tlm_field *fields, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += 1 / (fields[i].value + EPSILON);
    return n > 0 ? fmin(1, (double)n / sum) : 0;
}

/* Does the judge speak of a field that the response has? The reference takes any. */
static bool is_asked_for(const struct ts_tlm *tlm, ts_view name)
{
    bool known = tlm->options->compat == TS_TLM_REFERENCE;
    for (size_t i = 0; i < tlm->key_count && !known; i++)
        known = ts_view_eq(tlm->keys[i], name);
    return known;
}

static bool read_each(struct ts_tlm *tlm, struct ts_tlm_call *call, const struct ts_literal *v,
                      bool words)
{
    size_t n = 0;
    for (const struct ts_literal *i = v->first; i; i = i->next)
        n++;
    if (n > MOST_FIELDS)
        return false;
    struct ts_tlm_field *fields = ts_arena_alloc(tlm->arena, (n + 1) * sizeof *fields);
    n = 0;
    for (const struct ts_literal *i = v->first; i; i = i->next) {
        const struct ts_literal *grade = ts_literal_get(i, words ? "confidence" : "score");
        double value;
        if (!is_asked_for(tlm, i->key))
            continue;
        if (!grade || (!words && !hundredth(tlm, grade, &value)))
            return false;
        fields[n++] = (struct ts_tlm_field){ts_arena_copy(tlm->arena, i->key),
                                            words ? certainty_of(grade->text) : value,
                                            text_of(tlm->arena, i, "explanation")};
    }
    call->fields = fields;
    call->field_count = n;
    call->mapped = harmonic_mean(fields, n);
    return n > 0 || !v->first; /* a judge that only speaks of other fields says nothing */
}

static bool read_reply(struct ts_tlm *tlm, struct ts_tlm_call *call, const struct ts_literal *v)
{
    const struct ts_literal *rating = ts_literal_get(v, "rating");
    switch (call->template->form) {
    case TS_FORM_FIELDS_ACCURACY:
        return hundredth(tlm, ts_literal_get(v, "confidence_score"), &call->mapped) &&
               read_listed(tlm, call, v);
    case TS_FORM_FIELDS_RATING:
        call->mapped = rating ? of_ten(rating->text) : NAN;
        return rating && read_listed(tlm, call, v);
    default:
        return read_each(tlm, call, v, call->template->form == TS_FORM_FIELDS_WORDS);
    }
}

bool ts_structured_reflection(struct ts_tlm *tlm, struct ts_tlm_call *call, ts_view reply)
{
    if (tlm->options->compat == TS_TLM_RECOMMENDED)
        reply = unfenced(reply);
    /* a reply's own texts go with it: read in an arena of its own */
    struct ts_arena *scratch = ts_arena_new();
    const struct ts_literal *v = ts_literal_read(scratch, reply, NULL);
    bool ok = v && v->kind == TS_LITERAL_DICT && read_reply(tlm, call, v);
    ts_arena_free(scratch);
    if (!ok) {
        call->mapped = NAN;
        call->fields = NULL;
        call->field_count = 0;
    }
    call->has_mapped = ok;
    call->score = call->mapped;
    return ok;
}

/* ---- all judges together (§13.2) ---- */

static bool is_listing(const struct ts_tlm_call *call)
{
    return call->template->form == TS_FORM_FIELDS_ACCURACY ||
           call->template->form == TS_FORM_FIELDS_RATING;
}

static const struct ts_tlm_field *field_of(const struct ts_tlm_call *call, ts_view name)
{
    for (size_t i = 0; i < call->field_count; i++)
        if (ts_view_eq(call->fields[i].name, name))
            return &call->fields[i];
    return NULL;
}

static bool has_fields(const struct ts_tlm_call *call)
{
    return call->kind == TS_TLM_REFLECTION && call->fields;
}

static struct ts_tlm_field combine(const struct ts_tlm *tlm, ts_view name, double best)
{
    double sum = 0;
    size_t n = 0;
    struct ts_tlm_field out = {.name = name};
    double lowest = INFINITY;
    for (size_t i = 0; i < tlm->call_count; i++) {
        const struct ts_tlm_call *call = &tlm->calls[i];
        const struct ts_tlm_field *f = has_fields(call) ? field_of(call, name) : NULL;
        if (!f)
            continue;
        sum += f->value;
        n++;
        if (f->explanation.len > 0 && f->value < lowest) {
            lowest = f->value;
            out.explanation = f->explanation;
        }
    }
    double mean = sum / (double)n;
    double least = 1 - best;
    if (best - least <= 0) {
        out.value = mean;
        return out;
    }
    out.value = EPSILON + (1 - 2 * EPSILON) * fmax(mean - least, 0) / (best - least);
    return out;
}

void ts_structured_fields(const struct ts_tlm *tlm, struct ts_tlm_result *result)
{
    double listings = 0;
    double others = 0;
    size_t most = 0;
    for (size_t i = 0; i < tlm->call_count; i++)
        if (has_fields(&tlm->calls[i])) {
            *(is_listing(&tlm->calls[i]) ? &listings : &others) += 1;
            most += tlm->calls[i].field_count;
        }
    if (listings + others == 0)
        return;
    double best = (0.9 * listings + others) / (listings + others);
    result->fields = ts_arena_alloc(tlm->arena, (most + 1) * sizeof *result->fields);
    for (size_t i = 0; i < tlm->call_count; i++) {
        const struct ts_tlm_call *call = &tlm->calls[i];
        for (size_t k = 0; has_fields(call) && k < call->field_count; k++) {
            bool seen = false;
            for (size_t j = 0; j < result->field_count; j++)
                seen |= ts_view_eq(result->fields[j].name, call->fields[k].name);
            if (!seen)
                result->fields[result->field_count++] = combine(tlm, call->fields[k].name, best);
        }
    }
}

/* ---- schemas ---- */

static void add_keys(struct ts_buf *out, const ts_view *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_text(out, keys[i]);
    }
}

static void listing_schema(bool rating, const ts_view *keys, size_t count, struct ts_buf *out)
{
    const char *grade = rating ? "rating" : "confidence_score";
    ts_buf_add_str(out,
                   "{\"type\":\"object\",\"properties\":{\"explanation\":{\"type\":\"string\"},"
                   "\"incorrect_fields\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
                   "\"properties\":{\"field_name\":{\"type\":\"string\",\"enum\":[");
    add_keys(out, keys, count);
    ts_buf_printf(out,
                  "]},\"explanation\":{\"type\":\"string\"}},"
                  "\"required\":[\"field_name\",\"explanation\"],\"additionalProperties\":false}},"
                  "\"%s\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":%d}},"
                  "\"required\":[\"explanation\",\"incorrect_fields\",\"%s\"],"
                  "\"additionalProperties\":false}",
                  grade, rating ? 10 : 100, grade);
}

static void each_schema(bool words, const ts_view *keys, size_t count, struct ts_buf *out)
{
    ts_buf_add_str(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < count; i++) {
        ts_buf_add_str(out, i ? "," : "");
        ts_json_append_text(out, keys[i]);
        ts_buf_add_str(
            out, ":{\"type\":\"object\",\"properties\":{\"explanation\":{\"type\":\"string\"},");
        ts_buf_add_str(out,
                       words ? "\"confidence\":{\"type\":\"string\",\"enum\":[\"Certain\",\"Mostly "
                               "Certain\",\"Somewhat Certain\",\"Uncertain\",\"Likely "
                               "Incorrect\"]}},\"required\":[\"explanation\",\"confidence\"]"
                             : "\"score\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}},"
                               "\"required\":[\"explanation\",\"score\"]");
        ts_buf_add_str(out, ",\"additionalProperties\":false}");
    }
    ts_buf_add_str(out, "},\"required\":[");
    add_keys(out, keys, count);
    ts_buf_add_str(out, "],\"additionalProperties\":false}");
}

void ts_structured_schema(enum ts_tlm_form form, const ts_view *keys, size_t count,
                          struct ts_buf *out)
{
    if (form == TS_FORM_FIELDS_ACCURACY || form == TS_FORM_FIELDS_RATING)
        listing_schema(form == TS_FORM_FIELDS_RATING, keys, count, out);
    else
        each_schema(form == TS_FORM_FIELDS_WORDS, keys, count, out);
}
