/* Judges' replies into values: the table of tlm-algorithm §6.3 for the literal rules, the rules of
 * tlm-vectors.md for the recommended ones, and replies that nobody should write. */
#include "testing.h"

#include "tlm/parse.h"

#include <math.h>

#define ABSENT -1

struct row {
    enum ts_tlm_form form;
    const char *reply, *captured; /* NULL: not compared */
    double mapped;                /* ABSENT: nothing found */
};

static void check_rows(enum ts_tlm_compat compat, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ts_parsed p = ts_tlm_parse(compat, rows[i].form, ts_view_str(rows[i].reply));
        if (p.found != (rows[i].mapped != ABSENT))
            fail_msg("'%s' is %sfound", rows[i].reply, p.found ? "" : "not ");
        if (!p.found)
            continue;
        if (fabs(p.mapped - rows[i].mapped) > 1e-12)
            fail_msg("'%s' gives %g, not %g", rows[i].reply, p.mapped, rows[i].mapped);
        if (rows[i].captured)
            assert_view_is(p.text, rows[i].captured);
    }
}

static void the_reference_reads_to_the_letter(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {TS_FORM_SCORE_100, "<score>85</score>", "85", .85},
        {TS_FORM_SCORE_100, "<score>85/100</score>", "85/100", .5},
        {TS_FORM_SCORE_100, "<score>85%</score>", "85%", .5},
        {TS_FORM_SCORE_100, "<score></score>", "", .5},
        {TS_FORM_SCORE_100, "Score: 85", "5", .05},
        {TS_FORM_SCORE_100, "<score>85", "5", .05},
        {TS_FORM_SCORE_100, "<score>10</score> then <score>90</score>", "10", .1},
        {TS_FORM_SCORE_100, "no digits", NULL, ABSENT},
        {TS_FORM_SCORE_100, "<score>150</score>", "150", 1.5},
        {TS_FORM_SCORE_100, "<score>1e2</score>", "1e2", 1},
        {TS_FORM_SCORE_100, "<score>\u0668\u0665</score>", "\u0668\u0665", .85}, /* any digits */
        {TS_FORM_SCORE_100, "Score: \u0668\u0665", "\u0665", .05},
        {TS_FORM_SCORE_100, "<score>1_0</score>", "1_0", .1}, /* as Python's float() */
        {TS_FORM_SCORE_100, "<score>1__0</score>", "1__0", .5},
        {TS_FORM_SCORE_100, "<score>_1</score>", "_1", .5},
        {TS_FORM_SCORE_10, "<score>8/10</score>", "0", 0},
        {TS_FORM_SCORE_10, "<score>7.5</score>", "5", .5},
        {TS_FORM_SCORE_10, "none of these", "one", .1},
        {TS_FORM_RATING_10, "<rating>10</rating>", "10", 1},
        {TS_FORM_RATING_10, "I rate it 10", "0", 0},
        {TS_FORM_RATING_10, "<rating>8</rating> … <rating>3</rating>", "3", .3},
        {TS_FORM_RATING_10, "<rating>n/a</rating>", "n/a", .5},
        {TS_FORM_RATING_5, "<rating>4.5</rating>", "5", 1},
        {TS_FORM_RATING_5, "<rating>9</rating>", "9", .5},
        {TS_FORM_RATING_5, "True", NULL, ABSENT},
        {TS_FORM_TRUE_FALSE, "<choice>[True]</choice>", "[True]", .5},
        {TS_FORM_TRUE_FALSE, "It is true that x is false", "false", 0},
        {TS_FORM_YES_NO_CHOICE, "<choice>[No]</choice>", "No", 0},
        {TS_FORM_YES_NO_CHOICE, "I know", "no", 0},
        {TS_FORM_AB_STRICT, "choice: a", NULL, ABSENT},
        {TS_FORM_AB, "Choice: [A]", "A", 1},
        {TS_FORM_AB, "(B) not confident", "B", 0},
        {TS_FORM_AB, "Choice: A is wrong, so Choice: B", "B", 0},
        {TS_FORM_AB, "A is not what I call Correct (b)", "b", 0},
        {TS_FORM_AB, "It is a correct label, not B", "a", 1},
        {TS_FORM_AB, "A)CORRECT? No: b) incorrect", "A", 1},
        {TS_FORM_AB, "(B) incorrect, a", "B", 0},
        {TS_FORM_AB, "My Choiceb, or A", "A", 1}, /* only a capital right behind */
        {TS_FORM_RATING_LABEL, "Rating: 10", "1", 0},
        {TS_FORM_RATING_LABEL, "Rating: Five", "Five", .5},
    };
    check_rows(TS_TLM_REFERENCE, rows, TS_COUNT(rows));
}

static void the_recommended_rules_accept_what_was_meant(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {TS_FORM_SCORE_100, "<score>85/100</score>", "85", .85},
        {TS_FORM_SCORE_100, "<score>85%</score>", "85", .85},
        {TS_FORM_SCORE_100, "<score>9/10</score>", "9", .9},
        {TS_FORM_SCORE_100, "<score></score> but 40", NULL, ABSENT},
        {TS_FORM_SCORE_100, "I would say 85", "85", .85},
        {TS_FORM_SCORE_100, "<score>1</score> <score>99</score>", "1", .01},
        {TS_FORM_SCORE_100, "<score>150</score>", "150", 1},
        {TS_FORM_SCORE_100, "<score>-5</score>", "-5", 0},
        {TS_FORM_SCORE_100, "<score>nan</score>", NULL, ABSENT},
        {TS_FORM_SCORE_100, "<score>nine</score>", NULL, ABSENT},
        {TS_FORM_SCORE_100, "<score>1e308</score>", "1e308", 1},
        {TS_FORM_SCORE_100, "v2 and a3", NULL, ABSENT},
        {TS_FORM_RATING_10, "<rating>7.5</rating>", "7.5", .75},
        {TS_FORM_RATING_10, "<rating>Nine</rating>", "Nine", .9},
        {TS_FORM_RATING_10, "I rate it 10", "10", 1},
        {TS_FORM_RATING_10, "none of these", NULL, ABSENT},
        {TS_FORM_RATING_10, "<rating>2</rating> then <rating>7</rating>", "7", .7},
        {TS_FORM_RATING_10, "<rating>**8**/10</rating>", "8", .8},
        {TS_FORM_RATING_5, "<rating>4.5</rating>", "4.5", .875},
        {TS_FORM_RATING_5, "<rating>4/5</rating>", "4", .75},
        {TS_FORM_RATING_5, "<rating>80%</rating>", "80", .8},
        {TS_FORM_RATING_5, "<rating>9</rating>", "9", 1},
        {TS_FORM_TRUE_FALSE, "<choice>[TRUE]</choice>", "TRUE", 1},
        {TS_FORM_TRUE_FALSE, "<choice>unsure</choice> True", NULL, ABSENT},
        {TS_FORM_TRUE_FALSE, "It is true that x is false", "false", 0},
        {TS_FORM_YES_NO_CHOICE, "I know", NULL, ABSENT},
        {TS_FORM_YES_NO_CHOICE, "<choice>Yes</choice> or <choice>[No]</choice>", "No", 0},
        {TS_FORM_YES_NO_ANSWER, "<answer>\nYes.\n</answer>", "Yes", 1},
        {TS_FORM_AB, "choice: a", "a", 1},
        {TS_FORM_AB, "Choice - [B]", "B", 0},
        {TS_FORM_AB, "The Answer is good", NULL, ABSENT},
        {TS_FORM_AB, "A", "A", 1},
        {TS_FORM_RATING_LABEL, "Rating: 4 of 5", "4", .75},
        {TS_FORM_RATING_LABEL, "Rating: Five", "Five", 1},
    };
    check_rows(TS_TLM_RECOMMENDED, rows, TS_COUNT(rows));
}

static void answers_and_reasoning_are_found(void **state)
{
    (void)state;
    assert_view_is(ts_tlm_parse_answer(TS_LIT("<answer>\"Paris.\"</answer>")), "Paris.\"");
    assert_view_is(ts_tlm_parse_answer(TS_LIT("<answer>a</answer> <answer>b</answer>")), "b");
    assert_view_is(ts_tlm_parse_answer(TS_LIT("<answer>unclosed")), "<answer>unclosed");
    assert_int_equal(ts_tlm_parse_answer(TS_LIT("<answer></answer>")).len, 0);
    assert_view_is(
        ts_tlm_parse_reasoning(TS_LIT("<think> why </think>\n<score>1</score>"), "score", true),
        "why");
    assert_view_is(ts_tlm_parse_reasoning(TS_LIT("<think>a</think> b</think> <rating>1</rating>"),
                                          "rating", true),
                   "a</think> b");
    assert_int_equal(
        ts_tlm_parse_reasoning(TS_LIT("<think>a</think> so <score>1</score>"), "score", true).len,
        0);
    assert_view_is(ts_tlm_parse_issues(TS_LIT("<issues>\n- x\n- y\n</issues><score>1</score>")),
                   "x\n- y");
    assert_int_equal(ts_tlm_parse_issues(TS_LIT("<issues>x</issues>")).len, 0);
}

/* Replies made to be slow: a parser that looks back at every tag would not come back. */
static void large_replies_are_read_in_time(void **state)
{
    (void)state;
    static const char *const pieces[] = {"<think></think>",
                                         "<answer></think>",
                                         "</answer><think></think>",
                                         "<score>",
                                         "</think><score>",
                                         "<think>",
                                         "choice: ",
                                         "(",
                                         "A",
                                         "A)",
                                         "9",
                                         "rating",
                                         "<issues>",
                                         "\xff",
                                         "Choice"};
    for (size_t i = 0; i < TS_COUNT(pieces); i++) {
        struct ts_buf text = TS_BUF_INIT;
        ts_buf_add_str(&text, "<think>");
        while (text.len < 1 << 17)
            ts_buf_add_str(&text, pieces[i]);
        for (int form = TS_FORM_SCORE_100; form <= TS_FORM_RATING_LABEL; form++) {
            struct ts_parsed p =
                ts_tlm_parse(TS_TLM_RECOMMENDED, (enum ts_tlm_form)form, ts_buf_view(&text));
            assert_true(!p.found || (p.mapped >= 0 && p.mapped <= 1));
            ts_tlm_parse(TS_TLM_REFERENCE, (enum ts_tlm_form)form, ts_buf_view(&text));
        }
        ts_tlm_parse_reasoning(ts_buf_view(&text), "score", true);
        ts_tlm_parse_answer(ts_buf_view(&text));
        ts_view rest = ts_buf_view(&text);
        ts_view reasoning;
        ts_tlm_cut_reasoning(&rest, "answer", &reasoning);
        ts_buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_reads_to_the_letter),
        cmocka_unit_test(the_recommended_rules_accept_what_was_meant),
        cmocka_unit_test(answers_and_reasoning_are_found),
        cmocka_unit_test(large_replies_are_read_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
