/* local_language.c - an answer in another language than the question. Told by script, and among Latin
 * scripts by the stop words that nobody can avoid. Better silent than wrong: both sides must be
 * long enough and plainly of one language, and a question that speaks of languages is left alone. */
#include "pipeline/scorer/local_signal.h"

#include "tlm/text.h"
#include "tlm/words.h"

enum { LEAST_LETTERS = 20, LEAST_WORDS = 12, MOST_PROMPT = 1 << 16 };
static const double cap = 0.4; /* it may be right, but the reader may not be able to tell */

enum script {
    LATIN,
    CYRILLIC,
    GREEK,
    HAN,
    KANA,
    HANGUL,
    ARABIC,
    HEBREW,
    DEVANAGARI,
    THAI,
    SCRIPTS
};
static const struct {
    const char *name;
    int32_t first, last;
} ranges[] = {{"Latin", 0x41, 0x24f},       {"Cyrillic", 0x400, 0x52f},
              {"Greek", 0x370, 0x3ff},      {"Chinese", 0x4e00, 0x9fff},
              {"Japanese", 0x3040, 0x30ff}, {"Korean", 0xac00, 0xd7a3},
              {"Arabic", 0x600, 0x6ff},     {"Hebrew", 0x590, 0x5ff},
              {"Devanagari", 0x900, 0x97f}, {"Thai", 0xe00, 0xe7f}};

enum { ENGLISH, GERMAN, FRENCH, SPANISH, ITALIAN, PORTUGUESE, DUTCH, LANGUAGES };
static const char *const languages[LANGUAGES] = {"English", "German",     "French", "Spanish",
                                                 "Italian", "Portuguese", "Dutch"};

/* Words that are common in one of these languages and rare in the others, by their first letter;
 * a row ends with an empty one. */
struct stop_word {
    char text[10];
    unsigned char language;
};
static const struct stop_word stop_words['z' - 'a' + 1][10] = {
    ['a' - 'a'] = {{"alla", ITALIAN},
                   {"anche", ITALIAN},
                   {"and", ENGLISH},
                   {"ao", PORTUGUESE},
                   {"are", ENGLISH},
                   {"auf", GERMAN},
                   {"avec", FRENCH}},
    ['c' - 'a'] = {{"che", ITALIAN}, {"como", SPANISH}, {"con", SPANISH}},
    ['d' - 'a'] = {{"dans", FRENCH},
                   {"das", GERMAN},
                   {"del", SPANISH},
                   {"della", ITALIAN},
                   {"der", GERMAN},
                   {"des", FRENCH},
                   {"deze", DUTCH},
                   {"di", ITALIAN},
                   {"dos", PORTUGUESE}},
    ['e' - 'a'] = {{"een", DUTCH},
                   {"ein", GERMAN},
                   {"eine", GERMAN},
                   {"em", PORTUGUESE},
                   {"es", SPANISH},
                   {"est", FRENCH}},
    ['f' - 'a'] = {{"from", ENGLISH}},
    ['g' - 'a'] = {{"gli", ITALIAN}},
    ['h' - 'a'] = {{"het", DUTCH}},
    ['i' - 'a'] = {{"il", ITALIAN}, {"is", ENGLISH}, {"ist", GERMAN}},
    ['l' - 'a'] = {{"las", SPANISH}, {"les", FRENCH}, {"los", SPANISH}},
    ['m' - 'a'] = {{"mais", PORTUGUESE}, {"mit", GERMAN}},
    ['n' - 'a'] = {{"naar", DUTCH},
                   {"nel", ITALIAN},
                   {"nicht", GERMAN},
                   {"niet", DUTCH},
                   {"não", PORTUGUESE}},
    ['o' - 'a'] = {{"of", ENGLISH}, {"ook", DUTCH}, {"os", PORTUGUESE}},
    ['p' - 'a'] = {{"pas", FRENCH},
                   {"pela", PORTUGUESE},
                   {"perché", ITALIAN},
                   {"pero", SPANISH},
                   {"por", SPANISH},
                   {"pour", FRENCH}},
    ['q' - 'a'] = {{"qui", FRENCH}},
    ['s' - 'a'] = {{"sich", GERMAN}, {"sono", ITALIAN}, {"sont", FRENCH}, {"são", PORTUGUESE}},
    ['t' - 'a'] = {{"também", PORTUGUESE}, {"that", ENGLISH}, {"the", ENGLISH}, {"this", ENGLISH}},
    ['u' - 'a'] = {{"uma", PORTUGUESE}, {"una", SPANISH}, {"und", GERMAN}, {"une", FRENCH}},
    ['v' - 'a'] = {{"van", DUTCH}, {"voor", DUTCH}},
    ['w' - 'a'] = {{"which", ENGLISH}, {"with", ENGLISH}, {"wordt", DUTCH}},
    ['y' - 'a'] = {{"y", SPANISH}},
    ['z' - 'a'] = {{"zijn", DUTCH}},
};

/* A question that holds one of these may ask for another language. */
static const char *const language_hints[] = {
    "translat", "übersetz", "traduc",  "tradui",  "traduz",   "vertaal",  "language", "sprache",
    "langue",   "idioma",   "lingua",  "english", "englisch", "anglais",  "german",   "deutsch",
    "allemand", "french",   "franz",   "franç",   "spanish",  "spanisch", "espa",     "italian",
    "portug",   "dutch",    "russian", "chinese", "japanese", "korean",   "arabic",   "hindi"};

struct profile {
    size_t scripts[SCRIPTS], letters, words;
    size_t hits[LANGUAGES];
};

static int script_of(int32_t c)
{
    for (int s = 0; s < SCRIPTS; s++)
        if (c >= ranges[s].first && c <= ranges[s].last)
            return s;
    return -1;
}

static void count_letters(struct profile *p, ts_view text)
{
    size_t len;
    size_t ascii = 0;
    for (size_t at = 0; at < text.len; at += len) {
        uint8_t byte = text.ptr[at];
        if (byte < 0x80) { /* nearly always */
            len = 1;
            ascii += ts_text_is_ascii_letter(byte);
            continue;
        }
        int32_t c = ts_text_char(text, at, &len);
        int script = ts_text_is_word(c) ? script_of(c) : -1;
        if (script >= 0)
            p->scripts[script]++;
        p->letters += script >= 0;
    }
    p->scripts[LATIN] += ascii;
    p->letters += ascii;
}

static int language_of(ts_view word)
{
    uint8_t first = word.ptr[0] | 32;
    const struct stop_word *known = ts_text_is_ascii_letter(first) ? stop_words[first - 'a'] : NULL;
    for (; known && known->text[0]; known++)
        if (ts_view_eq_nocase(word, ts_view_str(known->text)))
            return known->language;
    return -1;
}

static void count_words(struct profile *p, ts_view text)
{
    enum { ENOUGH = 80 };
    size_t at = 0;
    ts_view word;
    while (p->words < ENOUGH && ts_words_next(text, &at, &word)) {
        int language = language_of(word);
        p->words++;
        if (language >= 0)
            p->hits[language]++;
    }
}

/* The language of the profile, when it is plain; NULL: it is not. */
static const char *plain_language(const struct profile *p, bool *latin)
{
    int script = 0;
    for (int s = 1; s < SCRIPTS; s++)
        script = p->scripts[s] > p->scripts[script] ? s : script;
    if (p->scripts[KANA] * 10 > p->letters && p->scripts[HAN] > 0)
        script = KANA; /* Japanese is written with both */
    *latin = script == LATIN;
    if (p->letters < LEAST_LETTERS || p->scripts[script] * 10 < p->letters * 6)
        return NULL;
    if (!*latin)
        return ranges[script].name;
    int best = 0;
    size_t second = 0;
    for (int l = 1; l < LANGUAGES; l++)
        best = p->hits[l] > p->hits[best] ? l : best;
    for (int l = 0; l < LANGUAGES; l++)
        second = l != best && p->hits[l] > second ? p->hits[l] : second;
    bool plain = p->words >= LEAST_WORDS && p->hits[best] >= 3 && p->hits[best] * 10 >= p->words &&
                 p->hits[best] >= 3 * second;
    return plain ? languages[best] : NULL;
}

static bool mentions_languages(ts_view question)
{
    for (size_t i = 0; i < TS_COUNT(language_hints); i++)
        if (ts_text_find(question, 0, ts_view_str(language_hints[i]), true) != SIZE_MAX)
            return true;
    return false;
}

static const char *read_language(ts_view text, bool *latin)
{
    struct profile p = {0};
    count_letters(&p, text);
    if (p.scripts[LATIN] * 2 > p.letters)
        count_words(&p, text);
    return plain_language(&p, latin);
}

void ts_local_language(struct ts_agreement *memory, const struct ts_llm *llm,
                       struct ts_arena *arena, struct ts_local_signal *out)
{
    (void)memory;
    size_t last = llm->message_count;
    while (last > 0 && !ts_view_is(llm->messages[last - 1].role, "user"))
        last--;
    if (last == 0)
        return;
    enum { LONGEST = 768 }; /* enough to tell */
    ts_view question = ts_view_cut(llm->messages[last - 1].content, 0, LONGEST);
    bool latin_question;
    bool latin_answer;
    const char *asked = read_language(question, &latin_question);
    const char *answered =
        asked ? read_language(ts_view_cut(llm->response, 0, LONGEST), &latin_answer) : NULL;
    if (!asked || !answered || strcmp(asked, answered) == 0)
        return;
    for (size_t i = 0; i < llm->message_count; i++)
        if (mentions_languages(ts_view_cut(llm->messages[i].content, 0, MOST_PROMPT)))
            return;
    ts_local_violation(
        out, cap,
        ts_arena_printf(arena, "The question is in %s, the response in %s: '" TS_FMT "'.", asked,
                        answered, TS_ARG(ts_local_quote(arena, llm->response))));
}
