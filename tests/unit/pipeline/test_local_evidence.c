/* What the local scorer finds in the stream and in the context: agreement, grounding, language. */
#include "testing.h"

#include "pipeline/scorer/local.h"
#include "pipeline/scorer/local_agreement.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* A clock that stands where it is put; the program is linked so that ts_now is this. */
static ts_time moved = 1000 * TS_S;
__attribute__((used)) ts_time __wrap_ts_now(void); /* by the linker */
ts_time __wrap_ts_now(void)
{
    return moved;
}

static bool says(ts_view text, const char *piece)
{
    return ts_view_find(text, ts_view_str(piece)) != SIZE_MAX;
}

/* ---- grounding ---- */

static struct ts_signal ground(struct ts_arena *arena, const char *question, const char *context,
                               const char *response)
{
    struct ts_message message = {.role = TS_LIT("user"), .content = ts_view_str(question)};
    struct ts_document document = {.content = ts_view_str(context)};
    struct ts_llm llm = {.messages = &message,
                         .message_count = 1,
                         .documents = &document,
                         .document_count = context ? 1 : 0,
                         .response = ts_view_str(response)};
    struct ts_signal got = {0};
    ts_local_grounding(NULL, &llm, arena, &got);
    return got;
}

static const char depot[] =
    "The depot in Mill Road opens at 06:30 on weekdays. It was built in 1911 by "
    "Ada Falk for 1,250 pounds. \"No dogs on the platform\", says a sign.";

static void what_the_context_holds_is_grounded(void **state)
{
    (void)state;
    static const char *const good[] = {
        "The depot opens at 06:30.",
        "It was built in 1911 by Ada Falk.",
        "It was built for 1250 pounds.",
        "It cost 1250.00 pounds.",
        "The sign says \"no dogs on the platform\".",
        "THE DEPOT OPENS AT 06:30",
    };
    struct ts_arena *arena = ts_arena_new();
    for (size_t i = 0; i < TS_COUNT(good); i++) {
        struct ts_signal got = ground(arena, "When does it open?", depot, good[i]);
        if (!got.speaks || got.score < 0.75)
            fail_msg("'%s' has %g: " TS_FMT, good[i], got.score, TS_ARG(got.text));
    }
    assert_true(ground(arena, "q", depot, good[0]).score == 1);
    ts_arena_free(arena);
}

static void what_is_invented_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *response, *named;
        double most;
    } rows[] = {
        {"The depot opens at 07:45.", "'07:45'", 0.75},
        {"It was built in 1912 by Ada Falk.", "'1912'", 0.85},
        {"It was built by Edgar Moon.", "'Edgar', 'Moon'", 0.6},
        {"The sign says \"dogs are welcome here\".", "'dogs are welcome here'", 0.6},
        {"Penguins juggle violet umbrellas beneath waterfalls.", "'Penguins'", 0.2},
        {"It took 12,500 pounds.", "'12,500'", 0.6},
    };
    struct ts_arena *arena = ts_arena_new();
    for (size_t i = 0; i < TS_COUNT(rows); i++) {
        struct ts_signal got = ground(arena, "Tell me.", depot, rows[i].response);
        if (!got.speaks || got.score > rows[i].most || !says(got.text, rows[i].named))
            fail_msg("'%s' has %g: " TS_FMT, rows[i].response, got.score, TS_ARG(got.text));
    }
    ts_arena_free(arena);
}

static void the_question_counts_as_known_and_no_context_as_silence(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    assert_true(
        ground(arena, "Does train 4711 stop?", "Yes, it stops.", "Train 4711 stops.").score == 1);
    assert_false(ground(arena, "q", NULL, "Anything 42.").speaks);
    assert_false(ground(arena, "q", depot, "").speaks);
    assert_false(ground(arena, "q", depot, "\xff\xfe ...").speaks);
    struct ts_signal brief = ground(arena, "q", depot, "06:30");
    assert_true(brief.speaks && brief.weight == 0.25); /* one figure is little evidence */
    ts_arena_free(arena);
}

#define SIXTY "The depot in Mill Road, which Ada Falk built in the year 19 "
#define WORDS SIXTY SIXTY SIXTY

/* ---- spellings: what is the same, and what is not ---- */

static const struct spelling {
    const char *name, *context, *response;
    const char *missing; /* named as not held; NULL: all is held */
} spellings[] = {
    {"numbers of a list are no figures", "Bring a coat, a hat and gloves.",
     "1. A coat.\n2. A hat.\n3. Gloves.", NULL},
    {"numbers with brackets, indented, in bold", "Bring a coat, a hat and gloves.",
     "  1) a coat\n  2) a hat\n**3.** gloves", NULL},
    {"a list goes on behind one inside it", "Bring a coat, a hat, gloves.",
     "1. coat\n   1. hat\n2. gloves", NULL},
    {"a figure that only stands where a line begins", "Bring gloves.", "Bring\n42. Gloves", "'42'"},
    {"a figure alone on its line", "Bring gloves.", "Bring gloves:\n1.\n", "'1'"},
    {"a figure inside a list", "Bring 2 coats.", "1. Bring 3 coats.", "'3'"},
    {"ISO date for a written one", "It opens on May 5, 2024.", "It opens on 2024-05-05.", NULL},
    {"written date for an ISO one", "It opens on 2024-05-05.", "It opens on 5 May 2024.", NULL},
    {"American date for an ISO one", "It opens on 2024-05-05.", "It opens on May 5, 2024.", NULL},
    {"ordinal day", "It opens on 2024-05-05.", "It opens on May 5th, 2024.", NULL},
    {"day of the month", "It opens on 2024-05-05.", "It opens on the 5th of May 2024.", NULL},
    {"day and month with one number", "It opens on 2024-05-05.", "It opens on 05/05/2024.", NULL},
    {"points put the day first", "It opens on 2024-05-06.", "It opens on 6.5.2024.", NULL},
    {"no month is the 25th", "It opens on 25 December 2024.", "It opens on 12/25/2024.", NULL},
    {"day first with slashes", "It opens on 25 December 2024.", "It opens on 25/12/2024.", NULL},
    {"German month", "Sie beginnt am 5. M\xc3\xa4rz 2024.", "Sie beginnt am 2024-03-05.", NULL},
    {"French, Spanish", "le 1er ao\xc3\xbbt 2023, el 5 de mayo de 2024", "1.8.2023, 2024-05-05",
     NULL},
    {"month without its case", "It opens on 2024-05-05.", "It opens on 5 MAY 2024.", NULL},
    {"time stamp", "created 2024-05-05T06:30:00Z", "created on May 5, 2024", NULL},
    {"year of a date", "It opens on 2024-05-05.", "It opens in 2024.", NULL},
    {"month of a date", "It opens on 2024-05-05.", "It opens in May 2024.", NULL},
    {"date without its year", "It opens on 2024-05-05.", "It opens on 5 May.", NULL},
    {"year apart", "In 2024 it opens on 5 May.", "It opens on 5 May 2024.", NULL},
    {"month of a written date", "It opens on 5 May 2024.", "It opens in May.", NULL},
    {"a date and a figure behind it", "On 5 May 3 trains were late.", "On 3 May.", "'3 May'"},
    {"another day", "It opens on 2024-05-05.", "It opens on 6 May 2024.", "'6 May 2024'"},
    {"another month", "It opens on 2024-05-05.", "It opens on June 5, 2024.", "'June 5, 2024'"},
    {"another year", "It opens on 2024-05-05.", "It opens on 5 May 2023.", "'5 May 2023'"},
    {"parts of two dates", "From 5 May 2023 to 7 May 2024.", "On 5 May 2024.", "'5 May 2024'"},
    {"month and year of two dates", "In May 2023 and June 2024.", "In May 2024.", "'May 2024'"},
    {"day and month changed over", "It opens on 2024-05-06.", "It opens on 5.6.2024.",
     "'5.6.2024'"},
    {"date that can be read in two ways", "It opens on 5 June 2024.", "It opens on 05/06/2024.",
     "'05/06/2024'"},
    {"the same, written the same way", "It opens on 05/06/2024.", "It opens on 5/6/2024.", NULL},
    {"the same, the other way round", "It opens on 05/06/2024.", "It opens on 6/5/2024.",
     "'6/5/2024'"},
    {"may is no month", "The 3 trains may be late.", "The 3 may be late.", NULL},
    {"no such day", "It says 2024-05-05.", "It says 2024-02-31.", "'02', '31'"},
    {"capital letters of other scripts",
     "\xc3\x84rzte in Stra\xc3\x9f"
     "en",
     "\xc3\xa4rzte, STRASSEN", NULL},
    {"Cyrillic without case", "\xd0\x9f\xd0\xbe\xd0\xb5\xd0\xb7\xd0\xb4 4711",
     "\xd0\xbf\xd0\xbe\xd0\xb5\xd0\xb7\xd0\xb4 4711", NULL},
    {"another word of a script", "\xd0\x9f\xd0\xbe\xd0\xb5\xd0\xb7\xd0\xb4",
     "\xd0\xbf\xd0\xbe\xd0\xb5\xd0\xb7\xd0\xb0", "'\xd0\xbf\xd0\xbe\xd0\xb5\xd0\xb7\xd0\xb0'"},
    {"quotation without case, over a line's end", "\"Die \xc3\x84rzte\n  kommen\"",
     "\"die \xc3\xa4rzte kommen\"", NULL},
    {"quotation across two texts", "\"no dogs", "\"no dogs Tell me.\"", "'no dogs Tell me'"},
    {"English and German marks", "It cost 1.000,50.", "It cost 1,000.50.", NULL},
    {"German marks and none", "It cost 1000.50.", "It cost 1.000,50.", NULL},
    {"groups and none", "It cost 1000.", "It cost 1,000.", NULL},
    {"groups of other marks", "It cost 1250000.", "It cost 1.250.000, 1'250'000.", NULL},
    {"spaces that do not break", "It cost 1250000.50",
     "It cost 1\xe2\x80\xaf"
     "250\xe2\x80\xaf"
     "000,50",
     NULL},
    {"groups of India", "It cost 150000.", "It cost 1,50,000.", NULL},
    {"decimal comma", "It is 3.5 m wide.", "It is 3,5 m wide.", NULL},
    {"decimal comma is no group", "It is 35 m wide.", "It is 3,5 m wide.", "'3,5'"},
    {"a decimal comma elsewhere tells what 1.250 is", "1250 kg", "1.250 kg, 3,5 m", "'3,5'"},
    {"without one it is a fraction", "1250 kg", "1.250 kg", "'1.250'"},
    {"the same spelling is the same", "1.250 kg, 3,5 m", "1.250 kg", NULL},
    {"another number", "It cost 1.000,50.", "It cost 1,000.05.", "'1,000.05'"},
    {"a tenth of it", "It cost 1000.", "It cost 100.", "'100'"},
    {"ten times as much", "It cost 1,000.", "It cost 10,000.", "'10,000'"},
    {"long numbers", "Call 12345678901234567890.", "Call 12345678901234567891.",
     "'12345678901234567891'"},
    {"percent signs", "It rose by 12.5 %.", "It rose by 12.5%, 12,5 percent.", NULL},
    {"another percentage", "It rose by 12.5 %.", "It rose by 12.4%.", "'12.4'"},
    {"currency signs", "It cost 1250 dollars, 99 euros and 5 pounds.",
     "$1,250, 99\xe2\x82\xac, \xc2\xa3"
     "5",
     NULL},
    {"currency codes",
     "It cost \xe2\x82\xac"
     "1,250 or $99.",
     "It cost EUR1250 or USD 99.", NULL},
    {"another amount", "It cost $1,250.", "It cost $1,205.", "'1,205'"},
    {"another currency", "It cost $1,250.", "It cost EUR 1,250.", "'EUR'"},
    {"a range", "Open from 2010 to 2015, 06:30 to 18:00.", "Open 2010-2015, 6:30-18:00.", NULL},
    {"another end of a range", "Open from 2010 to 2015.", "Open 2010-2016.", "'2016'"},
    {"another time", "Open at 06:30.", "Open at 06:03.", "'06:03'"},
    {"plural", "The trains leave.", "The train leaves.", NULL},
};

/* Wherever in a long text it stands: the context is walked in blocks of 64 bytes. */
static void check_spelling(void **state)
{
    const struct spelling *row = *state;
    bool all = true;
    for (int before = 0; before < 70 && all; before++) {
        struct ts_arena *arena = ts_arena_new();
        ts_view context = ts_arena_printf(arena, "%.*s %s%s", before,
                                          "z zz. zzz zzzz zzzzz zzzzzz "
                                          "zzzzzzz zzzzzzzz (zzzzzzzzz) zzzzzzzzzz zzzzzzzzzzz",
                                          row->context, before % 2 ? WORDS WORDS : "");
        struct ts_signal got = ground(arena, "Tell me.", (const char *)context.ptr, row->response);
        bool held = row->missing ? got.score < 1 && says(got.text, row->missing) : got.score == 1;
        all = got.speaks && held;
        if (!all)
            print_error("behind %d: %g: " TS_FMT "\n", before, got.score, TS_ARG(got.text));
        ts_arena_free(arena);
    }
    assert_true(all);
}

static void any_text_holds_what_it_says_itself(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1",
                                         "20",
                                         "305",
                                         "2024",
                                         "05",
                                         ",",
                                         ".",
                                         ":",
                                         "-",
                                         "/",
                                         " ",
                                         " ",
                                         "\n",
                                         "May",
                                         "may ",
                                         "M\xc3\xa4rz",
                                         "USD",
                                         "$",
                                         "\xe2\x82\xac",
                                         "T",
                                         "th",
                                         " of ",
                                         "Ada",
                                         "_",
                                         "\"",
                                         "(",
                                         "\xc2\xa0",
                                         "\xe2\x80\xaf",
                                         "'",
                                         "\xff",
                                         "\xe6\x9d",
                                         "\xd0\x9f\xd0\xbe",
                                         "words and "};
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        struct ts_arena *arena = ts_arena_new();
        struct ts_buf text = TS_BUF_INIT;
        for (int n = rand_r(&seed) % 60; n >= 0; n--)
            ts_buf_add_str(&text, pieces[(size_t)rand_r(&seed) % TS_COUNT(pieces)]);
        struct ts_signal got = ground(arena, "q", ts_buf_cstr(&text), ts_buf_cstr(&text));
        if (got.speaks && got.score < 1)
            fail_msg("'%s': " TS_FMT, ts_buf_cstr(&text), TS_ARG(got.text));
        ts_buf_release(&text);
        ts_arena_free(arena);
    }
}

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
    moved += 250 * TS_S;
    assert_int_equal(answer(m, "q", "young", 2).others, 1);
    moved += 250 * TS_S; /* the prompt was used since, the first answer is too old all the same */
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
        {{WORDS "opens early."}, WORDS "opens late.", "one does not say 'late'."},
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
        struct ts_signal got = {0};
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

static struct ts_signal language(struct ts_arena *arena, const char *question, const char *response)
{
    struct ts_message messages[] = {{.role = TS_LIT("system"), .content = TS_LIT("Be brief.")},
                                    {.role = TS_LIT("user"), .content = ts_view_str(question)}};
    struct ts_llm llm = {
        .messages = messages, .message_count = 2, .response = ts_view_str(response)};
    struct ts_signal got = {0};
    ts_local_language(NULL, &llm, arena, &got);
    return got;
}

static void another_language_than_the_question_is_a_breach(void **state)
{
    (void)state;
    struct ts_arena *arena = ts_arena_new();
    struct ts_signal got = language(arena, english, german);
    assert_true(got.speaks && got.violation && got.score < 0.5);
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
        if (language(arena, quiet[i][0], quiet[i][1]).speaks)
            fail_msg("row %zu speaks", i);
    ts_arena_free(arena);
}

static void an_empty_answer_is_a_breach(void **state)
{
    (void)state;
    struct ts_tool_call call = {.name = TS_LIT("f")};
    struct ts_llm llm = {.response = TS_LIT(" \n\xc2\xa0")};
    struct ts_signal got = {0};
    ts_local_empty(NULL, &llm, NULL, &got);
    assert_true(got.violation && got.score < 0.1);
    llm.tool_calls = &call;
    llm.tool_call_count = 1;
    got = (struct ts_signal){0};
    ts_local_empty(NULL, &llm, NULL, &got);
    assert_false(got.speaks);
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
    struct ts_signal got = {0};
    ts_local_logprobs(NULL, &llm, arena, &got);
    assert_true(says(got.text, "'Rovaniemi' at 0.10"));
    ts_arena_free(arena);
}

int main(void)
{
    struct CMUnitTest rows[TS_COUNT(spellings)];
    for (size_t i = 0; i < TS_COUNT(spellings); i++)
        rows[i] = (struct CMUnitTest){spellings[i].name, check_spelling, NULL, NULL,
                                      (void *)(uintptr_t)&spellings[i]};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_context_holds_is_grounded),
        cmocka_unit_test(what_is_invented_is_named),
        cmocka_unit_test(the_question_counts_as_known_and_no_context_as_silence),
        cmocka_unit_test(any_text_holds_what_it_says_itself),
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
    int failed = cmocka_run_group_tests_name("spellings", rows, NULL, NULL);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
