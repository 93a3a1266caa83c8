/* What the local scorer finds in the stream and in the context: agreement, language, no answer. */
#include "testing.h"

#include "moved_clock.h"
#include "pipeline/scorer/local_signal.h"
#include "pipeline/scorer/local_agreement.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static bool says(ts_view text, const char *piece)
{
    return ts_view_find(text, ts_view_str(piece)) != SIZE_MAX;
}
/* More than what is kept of an answer's beginning. */
#define SIXTY "They said so much of it that nobody could remember the rest. "
#define LONG  SIXTY SIXTY SIXTY

/* ---- agreement ---- */

static struct ts_agreed answer(struct ts_agreement *memory, const char *question, const char *text,
                               uint8_t span)
{
    uint8_t id[8] = {span};
    struct ts_message message = {.role = TS_LIT("user"), .content = ts_view_str(question)};
    struct ts_llm llm = {.messages = &message,
                         .message_count = 1,
                         .response = ts_view_str(text),
                         .trace_id = ts_view_of("0123456789abcdef", 16),
                         .span_id = ts_view_of(id, span ? 8 : 0)};
    struct ts_arena *arena = ts_arena_new();
    struct ts_agreed got;
    ts_agreement_look(memory, &llm, arena, &got);
    ts_arena_free(arena);
    got.piece = TS_NOTHING; /* it was the arena's */
    return got;
}

static void answers_to_one_prompt_are_compared(void **state)
{
    (void)state;
    struct ts_agreement *m = ts_agreement_new(1 << 20, 3600 * TS_S);
    assert_int_equal(answer(m, "Which metal?", "Gallium.", 1).others, 0);
    assert_int_equal(answer(m, "Which metal?", "Gallium.", 1).others, 0); /* the same span again */
    struct ts_agreed got = answer(m, "Which metal?", "Gallium.", 2);
    assert_true(got.others == 1 && got.identical == 1 && got.mean == 1);
    got = answer(m, "Which metal?", "Caesium", 3);
    assert_true(got.others == 2 && got.identical == 0 && got.mean == 0);
    got = answer(m, "Which metal?", "It is Gallium", 4);
    assert_true(got.others == 3 && fabs(got.mean - 2.0 / 9) < 1e-12);
    assert_int_equal(answer(m, "Which Metal?", "Gallium.", 5).others, 0);
    for (int i = 0; i < 20; i++)
        got = answer(m, "Which metal?", "Gallium.", 0);
    assert_int_equal(got.others, 8); /* the latest ones are kept */
    ts_agreement_free(m);
}

static void each_answer_has_an_age_of_its_own(void **state)
{
    (void)state;
    struct ts_agreement *m = ts_agreement_new(1 << 20, 400 * TS_S);
    answer(m, "q", "old", 1);
    clock_now += 250 * TS_S;
    assert_int_equal(answer(m, "q", "young", 2).others, 1);
    clock_now +=
        250 * TS_S; /* the prompt was used since, the first answer is too old all the same */
    struct ts_agreed got = answer(m, "q", "young", 3);
    assert_true(got.others == 1 && got.identical == 1);
    ts_agreement_free(m);
}

static void the_explanation_says_where_an_earlier_answer_differs(void **state)
{
    (void)state;
    static const struct {
        const char *earlier[3], *response, *says;
    } rows[] = {
        {{"Gallium."}, "It is mercury.", "one does not say 'It is mercury.'."},
        {{"Mercury.", "It is mercury, a metal.", "Mercury."},
         "It is mercury.",
         "one does not say 'It is mercury.'."}, /* the least alike of them */
        {{"The depot in Mill Road opens at 06:30 on weekdays."},
         "The depot in Mill Road opens at 07:45 on weekdays.",
         "one does not say '…07:45 on weekdays.'."},
        {{"The depot in Mill Road is closed."},
         "The depot in Mill Road is closed. Ask Ada.",
         "one does not say '…closed. Ask Ada.'."},
        {{LONG "opens early."}, LONG "opens late.", "one does not say 'late'."},
        {{"A\xc3\xa4"}, "A\xc3\xb6", "one does not say 'A\xc3\xb6'."},
        {{"Gallium."}, "Gallium.", "1 is the same; they are alike by 1.00."},
    };
    struct ts_arena *arena = ts_arena_new();
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_agreement *m = ts_agreement_new(1 << 20, 3600 * TS_S);
        for (size_t k = 0; k < 3 && rows[i].earlier[k]; k++)
            answer(m, "q", rows[i].earlier[k], 0);
        struct ts_message message = {.role = TS_LIT("user"), .content = TS_LIT("q")};
        struct ts_llm llm = {
            .messages = &message, .message_count = 1, .response = ts_view_str(rows[i].response)};
        struct ts_local_signal got = {0};
        ts_local_agreement(m, &llm, arena, &got);
        if (!says(got.text, rows[i].says))
            fail_msg("row %zu: " TS_FMT, i, TS_ARG(got.text));
        ts_agreement_free(m);
    }
    ts_arena_free(arena);
}

static void long_answers_are_compared_by_a_sketch(void **state)
{
    (void)state;
    struct ts_agreement *m = ts_agreement_new(1 << 20, 3600 * TS_S);
    struct ts_buf a = TS_BUF_INIT;
    struct ts_buf b = TS_BUF_INIT;
    for (int i = 0; i < 3000; i++) { /* a third in both */
        ts_buf_printf(&a, "w%d ", i);
        ts_buf_printf(&b, "w%d ", i + 1500);
    }
    answer(m, "q", ts_buf_cstr(&a), 1);
    struct ts_agreed got = answer(m, "q", ts_buf_cstr(&b), 2);
    assert_true(fabs(got.mean - 1.0 / 3) < 0.12);
    ts_buf_release(&a);
    ts_buf_release(&b);
    ts_agreement_free(m);
}

static void memory_is_bounded_in_bytes_and_in_age(void **state)
{
    (void)state;
    struct ts_agreement *m = ts_agreement_new(256 << 10, 3600 * TS_S);
    for (int i = 0; i < 100000; i++) {
        char question[32];
        snprintf(question, sizeof question, "question %d", i);
        answer(m, question, "some words that are an answer", 0);
    }
    assert_true(ts_agreement_bytes(m) <= 256 << 10);
    assert_int_equal(answer(m, "question 99999", "some", 0).others, 1); /* the latest are there */
    assert_int_equal(answer(m, "question 0", "some", 0).others, 0);
    ts_agreement_free(m);
    m = ts_agreement_new(1 << 20, -1); /* all is too old */
    answer(m, "q", "a", 0);
    assert_int_equal(answer(m, "q", "a", 0).others, 0);
    ts_agreement_free(m);
    m = ts_agreement_new(0, 3600 * TS_S);
    answer(m, "q", "a", 0);
    assert_int_equal(answer(m, "q", "a", 0).others, 0);
    assert_int_equal(ts_agreement_bytes(m), 0);
    ts_agreement_free(m);
}

static void *answer_much(void *arg)
{
    for (int i = 0; i < 5000; i++) {
        char question[32];
        snprintf(question, sizeof question, "q%d", i % 50);
        answer(arg, question, i % 2 ? "yes it is" : "no it is not", 0);
    }
    return NULL;
}

static void loops_may_share_it(void **state)
{
    (void)state;
    struct ts_agreement *m = ts_agreement_new(16 << 10, 3600 * TS_S);
    pthread_t threads[4];
    for (size_t i = 0; i < TS_COUNT(threads); i++)
        pthread_create(&threads[i], NULL, answer_much, m);
    for (size_t i = 0; i < TS_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_true(ts_agreement_bytes(m) <= 16 << 10);
    ts_agreement_free(m);
}

/* ---- language ---- */

static const char english[] =
    "Could you tell me which of the trains that leave from the main station "
    "this evening are going to the coast, and what the ticket is?";
static const char german[] =
    "Der letzte Zug zur Küste ist um 19:42 Uhr abgefahren, und es gibt heute "
    "nicht noch einen. Das Ticket ist mit der Karte auf dem Handy eine Stunde gültig.";
static const char russian[] =
    "Последний поезд к морю ушёл в девятнадцать часов, сегодня больше не будет.";

static struct ts_local_signal language(struct ts_arena *arena, const char *question,
                                       const char *response)
{
    struct ts_message messages[] = {{.role = TS_LIT("system"), .content = TS_LIT("Be brief.")},
                                    {.role = TS_LIT("user"), .content = ts_view_str(question)}};
    struct ts_llm llm = {
        .messages = messages, .message_count = 2, .response = ts_view_str(response)};
    struct ts_local_signal got = {0};
    ts_local_language(NULL, &llm, arena, &got);
    return got;
}

static void another_language_than_the_question_is_a_breach(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_local_signal got = language(arena, english, german);
    assert_true(got.present && got.violation && got.score < 0.5);
    assert_true(says(got.text, "in English, the response in German"));
    got = language(arena, english, russian);
    assert_true(got.violation && says(got.text, "Cyrillic"));
    assert_true(language(arena, german, english).violation);
    ts_arena_free(arena);
}

static void the_same_language_and_all_doubt_is_silence(void **state)
{
    (void)state;
    static const char *const quiet[][2] = {
        {english,
         "The last of the trains that go to the coast has left, and there is no other this "
         "evening which you could take from the main station."},
        {german, german},
        {russian, russian},
        {english, "Oui."},
        {english,
         "def f(x): return {k: v for k, v in x.items()} # def g(y): return sorted(y)[0] + 1"},
        {"Please translate this into German: the trains that leave from the main station this "
         "evening "
         "are going to the coast, and the ticket is cheap.",
         german},
        {"Antworte auf Englisch: wann ist der letzte Zug zur Küste und mit der Karte, ist das "
         "nicht "
         "eine gute Idee und ein Vorteil auf der Reise?",
         english},
        {"42", russian},
        {english, ""},
    };
    struct ts_arena *arena = ts_arena_new();
    for (size_t i = 0; i < TS_COUNT(quiet); i++)
        if (language(arena, quiet[i][0], quiet[i][1]).present)
            fail_msg("row %zu speaks", i);
    ts_arena_free(arena);
}

static void an_empty_answer_is_a_breach(void **state)
{
    (void)state;
    struct ts_tool_call call = {.name = TS_LIT("f")};
    struct ts_llm llm = {.response = TS_LIT(" \n\xc2\xa0")};
    struct ts_local_signal got = {0};
    ts_local_empty(NULL, &llm, NULL, &got);
    assert_true(got.violation && got.score < 0.1);
    llm.tool_calls = &call;
    llm.tool_call_count = 1;
    got = (struct ts_local_signal){0};
    ts_local_empty(NULL, &llm, NULL, &got);
    assert_false(got.present);
}

static void the_weakest_piece_is_quoted_as_a_whole_word(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_logprob list[] = {{TS_LIT("The"), -.01}, {TS_LIT(" town"), -.01},
                                {TS_LIT(" is"), -.02}, {TS_LIT(" Rovan"), -.9},
                                {TS_LIT("iem"), -2.3}, {TS_LIT("i"), -.1},
                                {TS_LIT("."), -.01}};
    struct ts_llm llm = {.logprobs = list, .logprob_count = 7, .has_logprobs = true};
    struct ts_local_signal got = {0};
    ts_local_logprobs(NULL, &llm, arena, &got);
    assert_true(says(got.text, "'Rovaniemi' at 0.10"));
    ts_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_to_one_prompt_are_compared),
        cmocka_unit_test(each_answer_has_an_age_of_its_own),
        cmocka_unit_test(the_explanation_says_where_an_earlier_answer_differs),
        cmocka_unit_test(long_answers_are_compared_by_a_sketch),
        cmocka_unit_test(memory_is_bounded_in_bytes_and_in_age),
        cmocka_unit_test(loops_may_share_it),
        cmocka_unit_test(another_language_than_the_question_is_a_breach),
        cmocka_unit_test(the_same_language_and_all_doubt_is_silence),
        cmocka_unit_test(an_empty_answer_is_a_breach),
        cmocka_unit_test(the_weakest_piece_is_quoted_as_a_whole_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
