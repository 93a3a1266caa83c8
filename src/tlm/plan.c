/* plan.c - which calls to make, and what their replies come to.
 * All calls that need nothing but the input are planned at once; comparisons of samples follow the
 * samples (§1). */
#include "tlm/consistency.h"
#include "tlm/parse.h"
#include "tlm/presets.h"
#include "tlm/structured.h"
#include "tlm/templates.h"
#include "tlm/text.h"
#include "tlm/tokens.h"

#include <assert.h>
#include <math.h>

const char *ts_tlm_call_name(enum ts_tlm_call_kind kind)
{
    static const char *const names[] = {"prompt_evaluation", "consistency_sample", "semantic_eval",
                                        "reflection",        "similarity",         "embedding"};
    return names[kind];
}

bool ts_tlm_wants_schema(const struct ts_tlm *tlm, const struct ts_tlm_call *call)
{
    if (call->kind == TS_TLM_SAMPLE)
        return tlm->resolved.workflow == TS_TLM_STRUCTURED;
    return call->kind == TS_TLM_REFLECTION && ts_tlm_is_structured(call->template);
}

/* Models that are known to give them: a sample of another is compared without (§5.3). A judge's
 * reply is used as it comes. Spans name the version that answered; the reference knows exact names. */
static bool model_has_logprobs(enum ts_tlm_compat compat, ts_view model)
{
    static const char *const models[] = {
        "",        "gpt-4",        "gpt-4o",       "gpt-4o-mini",
        "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-3.5-turbo-16k"};
    if (compat == TS_TLM_RECOMMENDED)
        model = ts_tlm_undated(model);
    for (size_t i = 0; i < TS_COUNT(models); i++)
        if (ts_view_is(model, models[i]))
            return true;
    return false;
}

bool ts_tlm_wants_logprobs(const struct ts_tlm *tlm, const struct ts_tlm_call *call)
{
    switch (call->kind) {
    case TS_TLM_PROMPT_EVALUATION:
    case TS_TLM_SEMANTIC_EVAL:
        return true;
    case TS_TLM_REFLECTION:
        return call->template->yes != NULL;
    case TS_TLM_SAMPLE:
        return tlm->resolved.by_label && tlm->resolved.workflow != TS_TLM_STRUCTURED &&
               model_has_logprobs(tlm->options->compat, tlm->input->model);
    default:
        return false;
    }
}

struct ts_tlm_call *ts_tlm_add_call(struct ts_tlm *tlm, enum ts_tlm_call_kind kind, int index)
{
    struct ts_tlm_call *call = &tlm->calls[tlm->call_count++];
    *call = (struct ts_tlm_call){
        .kind = kind, .index = index, .mapped = NAN, .score = NAN, .confidence = NAN};
    tlm->open++;
    return call;
}

/* ---- the plan ---- */

static bool can_ask(const struct ts_tlm *tlm, const struct ts_tlm_eval *eval)
{
    bool reads_calls = eval->response_id.len > 0 && tlm->input->only_tool_calls; /* §4.3 */
    bool no_context = eval->context_id.len > 0 && !tlm->input->has_context;
    return !reads_calls && !no_context;
}

static void plan_evals(struct ts_tlm *tlm)
{
    for (size_t i = 0; i < tlm->resolved.eval_count; i++)
        if (can_ask(tlm, &tlm->resolved.evals[i]))
            ts_tlm_add_call(tlm, TS_TLM_SEMANTIC_EVAL, (int)i)->eval = &tlm->resolved.evals[i];
}

static void plan_reflections(struct ts_tlm *tlm)
{
    bool thinks = tlm->resolved.effort != TS_TLM_NONE;
    for (size_t i = 0; i < tlm->resolved.template_count; i++) {
        const struct ts_tlm_template *t = tlm->resolved.templates[i];
        if (ts_tlm_is_structured(t) && (!tlm->keys || !thinks))
            continue; /* §16: no JSON object, no fields to speak of */
        ts_tlm_add_call(tlm, TS_TLM_REFLECTION, (int)i)->template = t;
    }
}

static bool find_user_prompt(struct ts_tlm *tlm, struct ts_err *err)
{
    for (size_t i = tlm->input->message_count; i-- > 0;)
        if (ts_view_is(tlm->input->messages[i].role, "user")) {
            tlm->user_prompt = tlm->input->messages[i].content;
            return true;
        }
    return ts_fail(err, TS_INVALID_ARGUMENT, "there is no message with the role user");
}

static void read_response(struct ts_tlm *tlm)
{
    enum ts_tlm_compat compat = tlm->options->compat;
    tlm->answer = ts_text_strip(tlm->input->response);
    if (tlm->resolved.workflow != TS_TLM_STRUCTURED)
        return;
    tlm->keys =
        ts_structured_keys(tlm->arena, compat, tlm->answer, &tlm->key_count, &tlm->distinct_keys);
    tlm->answer = ts_structured_response(tlm->arena, compat, tlm->answer);
    if (compat == TS_TLM_REFERENCE && tlm->resolved.effort == TS_TLM_NONE) /* D12 */
        tlm->error = "structured outputs need a reasoning effort: the reference stops";
    else if (compat == TS_TLM_REFERENCE && !tlm->keys)
        tlm->error = "the response is no object: the reference stops";
}

struct ts_tlm *ts_tlm_new(struct ts_arena *arena, const struct ts_tlm_options *options,
                          const struct ts_tlm_input *input, struct ts_err *err)
{
    struct ts_tlm *tlm = ts_arena_alloc(arena, sizeof *tlm);
    tlm->arena = arena;
    tlm->options = options;
    tlm->input = input;
    if (!find_user_prompt(tlm, err))
        return NULL;
    ts_tlm_resolve(options, input, &tlm->resolved);
    read_response(tlm);
    size_t most = 2 + 2 * (size_t)tlm->resolved.samples + tlm->resolved.eval_count +
                  tlm->resolved.template_count;
    tlm->calls = ts_arena_alloc(arena, most * sizeof *tlm->calls);
    if (tlm->resolved.prompt_evaluation)
        ts_tlm_add_call(tlm, TS_TLM_PROMPT_EVALUATION, 0);
    for (int i = 0; i < tlm->resolved.samples; i++)
        ts_tlm_add_call(tlm, TS_TLM_SAMPLE, i);
    plan_reflections(tlm);
    plan_evals(tlm);
    ts_consistency_advance(tlm, -1);
    return tlm;
}

/* ---- replies ---- */

static void set_parsed(struct ts_tlm_call *call, const struct ts_parsed *p)
{
    call->has_mapped = p->found;
    call->mapped = p->found ? p->mapped : NAN;
    call->score = call->mapped;
}

/* §7.4: a token's own probability in place of what was read, where it is known. */
static void set_choice(struct ts_tlm_call *call, const struct ts_tlm_reply *reply, const char *yes,
                       const char *no)
{
    double score = reply->has_tokens ? ts_tokens_choice(reply, yes, no) : NAN;
    if (!isnan(score))
        call->score = score;
}

static ts_view explanation_of(const struct ts_tlm *tlm, const struct ts_tlm_template *t,
                              const struct ts_tlm_reply *reply, ts_view text)
{
    ts_view why = TS_NOTHING;
    bool cut = tlm->options->compat == TS_TLM_RECOMMENDED && !t->issues; /* by read_call */
    if (t->thinks && tlm->resolved.effort != TS_TLM_NONE && !cut)
        why = t->issues ? ts_tlm_parse_issues(text) : ts_tlm_parse_reasoning(text, t->tag, true);
    return why.len > 0 ? why : ts_text_strip(reply->reasoning);
}

static void read_reflection(struct ts_tlm *tlm, struct ts_tlm_call *call,
                            const struct ts_tlm_reply *reply, ts_view text)
{
    const struct ts_tlm_template *t = call->template;
    call->explanation = ts_arena_copy(tlm->arena, explanation_of(tlm, t, reply, text));
    if (ts_tlm_is_structured(t)) {
        if (!ts_structured_reflection(tlm, call, text) && tlm->options->compat == TS_TLM_REFERENCE)
            tlm->error = "a reflection's JSON cannot be read: the reference stops";
        return;
    }
    bool thinks = t->thinks && tlm->resolved.effort != TS_TLM_NONE;
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, thinks ? t->thinking : t->form, text);
    set_parsed(call, &p);
    if (t->yes)
        set_choice(call, reply, t->yes, t->no);
}

/* §11. The reference takes a zero for none (D7). */
static void read_prompt_evaluation(struct ts_tlm *tlm, struct ts_tlm_call *call,
                                   const struct ts_tlm_reply *reply, ts_view text)
{
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, TS_FORM_YES_NO_CHOICE, text);
    set_parsed(call, &p);
    set_choice(call, reply, "yes", "no");
    if (tlm->options->compat == TS_TLM_REFERENCE && call->score == 0)
        call->score = NAN;
}

/* §10. The reference takes a mapped zero for none (D8). */
static void read_eval(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply, ts_view text)
{
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat, TS_FORM_RATING_5, text);
    set_parsed(call, &p);
    if (!p.found)
        return;
    bool reference = tlm->options->compat == TS_TLM_REFERENCE;
    double expected = reply->has_tokens ? ts_tokens_rating(reply, p.text, reference) : NAN;
    if (!isnan(expected))
        call->score = expected;
    else if (reference && call->mapped == 0)
        call->score = NAN;
    call->score = 0.001 + 0.998 * call->score;
}

static void read_similarity(struct ts_tlm *tlm, struct ts_tlm_call *call, ts_view text)
{
    bool statement = call->measure == TS_TLM_STATEMENT;
    struct ts_parsed p = ts_tlm_parse(tlm->options->compat,
                                      statement ? TS_FORM_YES_NO_ANSWER : TS_FORM_AB_STRICT, text);
    set_parsed(call, &p);
}

/* Does reasoning in front of the `text` explain it? What was asked for, only right before the closed tag of
 * the result, as the reference has it; a model's own, when the server gave no other. */
static bool is_explained(const struct ts_tlm *tlm, const struct ts_tlm_call *call, ts_view text,
                         const struct ts_tlm_reply *reply)
{
    const struct ts_tlm_template *t = call->template;
    ts_view result;
    size_t at = 0;
    bool asked = t && t->thinks && !t->issues && tlm->resolved.effort != TS_TLM_NONE;
    if (!asked)
        return reply->reasoning.len == 0;
    return ts_tlm_tag_next(text, t->tag, &at, &result) &&
           result.ptr == text.ptr + strlen(t->tag) + strlen("<>");
}

/* Is there a probability among the tokens? An empty list, or one of nulls, is what some servers write
 * for none. */
static bool has_probabilities(const struct ts_tlm_reply *reply)
{
    for (size_t i = 0; reply->has_tokens && i < reply->token_count; i++)
        if (!isnan(reply->tokens[i].logprob))
            return true;
    return false;
}

/* Leaves the tokens that `text` is made of, a piece of `whole`, which goes with them. */
static void keep_tokens_of(ts_view text, ts_view *whole, struct ts_tlm_reply *reply)
{
    size_t from = (size_t)(text.ptr - whole->ptr);
    size_t to = from + text.len;
    size_t at = 0;
    size_t n = 0;
    for (; reply->token_count > 0 && at + reply->tokens->text.len <= from; reply->token_count--)
        at += reply->tokens++->text.len;
    *whole = ts_view_from(*whole, at);
    for (; n < reply->token_count && at < to; n++)
        at += reply->tokens[n].text.len;
    reply->token_count = n;
}

/* Cuts off reasoning that a server did not separate from the content. False: there is no result. An answer
 * may speak of </think> where the response does. */
static bool cut_reasoning(const struct ts_tlm *tlm, const struct ts_tlm_call *call, ts_view *whole,
                          ts_view *text, struct ts_tlm_reply *reply)
{
    bool sample = call->kind == TS_TLM_SAMPLE;
    ts_view all = *text;
    ts_view reasoning;
    bool quoted = sample && !ts_view_starts(all, TS_LIT("<think>")) &&
                  ts_view_find(tlm->answer, TS_LIT("</think>")) != SIZE_MAX;
    if (quoted)
        return true;
    if (!ts_tlm_cut_reasoning(text, sample ? "answer" : NULL, &reasoning))
        return false;
    if (reply->has_tokens && text->len < all.len)
        keep_tokens_of(*text, whole, reply);
    if (reasoning.len > 0 && is_explained(tlm, call, *text, reply))
        reply->reasoning = reasoning;
    return true;
}

static void keep_vector(struct ts_tlm *tlm, struct ts_tlm_call *call,
                        const struct ts_tlm_reply *reply)
{
    if (!reply->vector)
        return;
    double *copy = ts_arena_alloc(tlm->arena, reply->dimensions * sizeof *copy);
    memcpy(copy, reply->vector, reply->dimensions * sizeof *copy);
    call->vector = copy;
    call->dimensions = reply->dimensions;
}

static void count_usage(struct ts_tlm *tlm, const struct ts_tlm_reply *reply)
{
    if (reply->prompt_tokens >= 0) {
        tlm->prompt_tokens += reply->prompt_tokens;
        tlm->has_usage = true;
    }
    if (reply->completion_tokens >= 0)
        tlm->completion_tokens += reply->completion_tokens;
}

/* `text` is the piece of the `whole` that counts. */
static void read_text(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply, ts_view whole, ts_view text)
{
    switch (call->kind) {
    case TS_TLM_PROMPT_EVALUATION:
        read_prompt_evaluation(tlm, call, reply, text);
        break;
    case TS_TLM_SAMPLE:
        ts_consistency_sample(tlm, call, reply, whole, text);
        break;
    case TS_TLM_SEMANTIC_EVAL:
        read_eval(tlm, call, reply, text);
        break;
    case TS_TLM_REFLECTION:
        read_reflection(tlm, call, reply, text);
        break;
    case TS_TLM_SIMILARITY:
        read_similarity(tlm, call, text);
        break;
    case TS_TLM_EMBEDDING:
        break;
    }
}

static void read_call(struct ts_tlm *tlm, struct ts_tlm_call *call,
                      const struct ts_tlm_reply *reply)
{
    if (call->kind == TS_TLM_EMBEDDING) {
        keep_vector(tlm, call, reply);
        return;
    }
    struct ts_arena *scratch = ts_arena_new();
    struct ts_tlm_reply usable = *reply;
    bool reference = tlm->options->compat == TS_TLM_REFERENCE;
    ts_view whole = reply->has_tokens ? ts_tokens_join(scratch, reply) : reply->content;
    if (!reference && (whole.len == 0 || !has_probabilities(reply))) {
        usable.has_tokens = false;
        whole = reply->content.len > 0 ? reply->content : whole;
    }
    ts_view text = ts_text_strip(whole);
    if (reference || cut_reasoning(tlm, call, &whole, &text, &usable))
        read_text(tlm, call, &usable, whole, text);
    ts_arena_free(scratch);
}

void ts_tlm_answer(struct ts_tlm *tlm, size_t i, const struct ts_tlm_reply *reply)
{
    struct ts_tlm_call *call = &tlm->calls[i];
    assert(!call->answered);
    call->answered = true;
    call->failed = reply->failed;
    tlm->open--;
    if (!reply->failed) {
        count_usage(tlm, reply);
        read_call(tlm, call, reply);
    }
    if (call->kind == TS_TLM_SAMPLE)
        ts_consistency_advance(tlm, call->index);
}
