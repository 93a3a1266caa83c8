#include "tlm/tokens.h"

#include "tlm/text.h"

#include <ctype.h>
#include <math.h>

ts_view ts_tokens_join(struct ts_arena *arena, const struct ts_tlm_reply *reply)
{
    size_t len = 0;
    for (size_t i = 0; i < reply->token_count; i++)
        len += reply->tokens[i].text.len;
    uint8_t *text = ts_arena_alloc(arena, len + 1);
    size_t at = 0;
    for (size_t i = 0; i < reply->token_count; i++) {
        ts_view t = reply->tokens[i].text;
        if (t.len > 0)
            memcpy(text + at, t.ptr, t.len);
        at += t.len;
    }
    return ts_view_of(text, len);
}

/* Is the token, without white space, case and punctuation, this word? */
static bool is_word(ts_view token, const char *word)
{
    for (size_t i = 0; i < token.len; i++) {
        uint8_t c = token.ptr[i];
        if (isspace(c) || ts_text_is_punctuation(c))
            continue;
        if (!*word || tolower(c) != *word++)
            return false;
    }
    return *word == '\0';
}

double ts_tokens_choice(const struct ts_tlm_reply *reply, const char *yes, const char *no)
{
    for (size_t i = reply->token_count; i-- > 0;) {
        const struct ts_tlm_token *t = &reply->tokens[i];
        double p = exp(t->logprob);
        p = p > 1 ? 1 : p; /* NaN stays */
        if (is_word(t->text, yes))
            return p;
        if (is_word(t->text, no))
            return 1 - p;
    }
    return 0.5;
}

/* ---- mean token probability ---- */

static bool is_edge(uint8_t c)
{
    return isspace(c) || ts_text_is_punctuation(c);
}

/* Without white space and punctuation at both ends; one such character alone stays itself. */
static ts_view bare(ts_view t)
{
    if (t.len == 1)
        return t;
    while (t.len > 0 && is_edge(t.ptr[t.len - 1]))
        t.len--;
    while (t.len > 0 && is_edge(t.ptr[0]))
        t = ts_view_from(t, 1);
    return t;
}

static bool is_same_word(ts_view other, ts_view token)
{
    return !ts_view_eq(other, token) && ts_view_eq_nocase(bare(other), bare(token));
}

static double token_probability(const struct ts_tlm_token *t)
{
    double p = exp(t->logprob);
    for (size_t i = 0; i < t->top_count; i++)
        if (!isnan(t->top[i].logprob) && is_same_word(t->top[i].token, t->text))
            p += exp(t->top[i].logprob);
    return p > 1 ? 1 : p; /* NaN stays */
}

/* The last byte of the span that is neither white space nor punctuation, plus one. */
static size_t trimmed_end(const struct ts_tlm_reply *reply, size_t from, size_t to)
{
    size_t end = 0;
    size_t at = 0;
    for (size_t i = 0; i < reply->token_count; i++) {
        ts_view t = reply->tokens[i].text;
        for (size_t k = 0; k < t.len; k++, at++)
            if (at >= from && at < to && !is_edge(t.ptr[k]))
                end = at + 1;
    }
    return end;
}

double ts_tokens_probability(const struct ts_tlm_reply *reply, size_t from, size_t to)
{
    for (size_t i = 0; i < reply->token_count; i++)
        if (reply->tokens[i].top_count == 0)
            return NAN;
    size_t end = trimmed_end(reply, from, to);
    double sum = 0;
    size_t n = 0;
    size_t at = 0;
    for (size_t i = 0; i < reply->token_count; i++) {
        const struct ts_tlm_token *t = &reply->tokens[i];
        if (at < end && at + t->text.len > from) {
            sum += token_probability(t);
            n++;
        }
        at += t->text.len;
    }
    return n > 0 ? sum / (double)n : 0.5;
}

/* ---- ratings ---- */

/* "4" → 4; 0 for all that is not digits of 1…5. */
static int rating_of(ts_view token)
{
    int64_t n;
    for (size_t i = 0; i < token.len; i++)
        if (!isdigit(token.ptr[i]))
            return 0;
    return ts_view_to_int64(token, &n) && n >= 1 && n <= 5 ? (int)n : 0;
}

double ts_tokens_rating(const struct ts_tlm_reply *reply, ts_view rating, bool even_unknown)
{
    double bins[5] = {.001, .001, .001, .001, .001};
    size_t at = 0;
    while (at < reply->token_count && !ts_view_eq(reply->tokens[at].text, rating))
        at++;
    if (at == reply->token_count)
        return NAN;
    const struct ts_tlm_token *t = &reply->tokens[at];
    bool known = even_unknown;
    for (size_t i = 0; i < t->top_count; i++) {
        int n = rating_of(t->top[i].token);
        double p = exp(t->top[i].logprob);
        known |= !isnan(p);
        if (n > 0 && !isnan(p))
            bins[n - 1] += p;
    }
    if (!known)
        return NAN;
    double sum = 0;
    double weighted = 0;
    for (int i = 0; i < 5; i++) {
        sum += bins[i];
        weighted += i * bins[i];
    }
    return weighted / (4 * sum);
}
