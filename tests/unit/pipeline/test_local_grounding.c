/* Grounding: what the context holds, in whatever spelling, and what it does not. */
#include "testing.h"

#include "pipeline/scorer/local_signal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool says(ts_view text, const char *piece)
{
    return ts_view_find(text, ts_view_str(piece)) != SIZE_MAX;
}
/* ---- grounding ---- */

static struct ts_local_signal ground(struct ts_arena *arena, const char *question,
                                     const char *context, const char *response)
{
    struct ts_message message = {.role = TS_LIT("user"), .content = ts_view_str(question)};
    struct ts_document document = {.content = ts_view_str(context)};
    struct ts_llm llm = {.messages = &message,
                         .message_count = 1,
                         .documents = &document,
                         .document_count = context ? 1 : 0,
                         .response = ts_view_str(response)};
    struct ts_local_signal got = {0};
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
        struct ts_local_signal got = ground(arena, "When does it open?", depot, good[i]);
        if (!got.present || got.score < 0.75)
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
        struct ts_local_signal got = ground(arena, "Tell me.", depot, rows[i].response);
        if (!got.present || got.score > rows[i].most || !says(got.text, rows[i].named))
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
    assert_false(ground(arena, "q", NULL, "Anything 42.").present);
    assert_false(ground(arena, "q", depot, "").present);
    assert_false(ground(arena, "q", depot, "\xff\xfe ...").present);
    struct ts_local_signal brief = ground(arena, "q", depot, "06:30");
    assert_true(brief.present && brief.weight == 0.25); /* one number is little evidence */
    ts_arena_free(arena);
}

#define SIXTY "The depot in Mill Road, which Ada Falk built in the year 19 "
#define WORDS SIXTY SIXTY SIXTY

/* ---- spellings: what is the same, and what is not ---- */

static const struct spelling {
    const char *name, *context, *response;
    const char *missing; /* named as not held; NULL: all is held */
} spellings[] = {
    {"numbers of a list do not count", "Bring a coat, a hat and gloves.",
     "1. A coat.\n2. A hat.\n3. Gloves.", NULL},
    {"numbers with brackets, indented, in bold", "Bring a coat, a hat and gloves.",
     "  1) a coat\n  2) a hat\n**3.** gloves", NULL},
    {"a list goes on behind one inside it", "Bring a coat, a hat, gloves.",
     "1. coat\n   1. hat\n2. gloves", NULL},
    {"a number that only stands where a line begins", "Bring gloves.", "Bring\n42. Gloves", "'42'"},
    {"a number alone on its line", "Bring gloves.", "Bring gloves:\n1.\n", "'1'"},
    {"a number inside a list", "Bring 2 coats.", "1. Bring 3 coats.", "'3'"},
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
    {"a date and a number behind it", "On 5 May 3 trains were late.", "On 3 May.", "'3 May'"},
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
        struct ts_local_signal got =
            ground(arena, "Tell me.", (const char *)context.ptr, row->response);
        bool held = row->missing ? got.score < 1 && says(got.text, row->missing) : got.score == 1;
        all = got.present && held;
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
        struct ts_local_signal got = ground(arena, "q", ts_buf_cstr(&text), ts_buf_cstr(&text));
        if (got.present && got.score < 1)
            fail_msg("'%s': " TS_FMT, ts_buf_cstr(&text), TS_ARG(got.text));
        ts_buf_release(&text);
        ts_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test(what_the_context_holds_is_grounded),
        cmocka_unit_test(what_is_invented_is_named),
        cmocka_unit_test(the_question_counts_as_known_and_no_context_as_silence),
        cmocka_unit_test(any_text_holds_what_it_says_itself),
    };
    struct CMUnitTest tests[TS_COUNT(spellings) + TS_COUNT(others)];
    for (size_t i = 0; i < TS_COUNT(spellings); i++)
        tests[i] = (struct CMUnitTest){spellings[i].name, check_spelling, NULL, NULL,
                                       (void *)(uintptr_t)&spellings[i]};
    memcpy(tests + TS_COUNT(spellings), others, sizeof others);
    return cmocka_run_group_tests_name("grounding", tests, NULL, NULL);
}
