#include "llm/redact/patterns.h"

#include <arpa/inet.h>

/* ---- checks ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The check digit of ISO/IEC 7812-1, annex B (Luhn). */
static size_t check_card(ts_view match)
{
    int sum = 0;
    bool twice = false;
    for (size_t i = match.len; i-- > 0;) {
        if (!is_digit(match.ptr[i]))
            continue;
        int digit = (match.ptr[i] - '0') * (twice ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
        twice = !twice;
    }
    return sum % 10 == 0 ? match.len : 0;
}

/* ISO 13616-1: country and check digits moved to the end, letters as 10…35, modulo 97 is 1. */
static bool is_iban(ts_view text)
{
    uint8_t plain[34];
    size_t n = 0;
    int rest = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == ' ')
            continue;
        if (n == sizeof plain)
            return false;
        plain[n++] = text.ptr[i];
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t c = plain[(i + 4) % n];
        int value = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
        rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
    }
    return n >= 15 && rest == 1;
}

/* Words behind a number in groups look like further groups: the longest beginning that is one counts. */
static size_t check_iban(ts_view match)
{
    for (size_t len = match.len; len >= 15; len--) {
        bool ends = len == match.len || match.ptr[len] == ' ';
        if (ends && is_iban(ts_view_cut(match, 0, len)))
            return len;
    }
    return 0;
}

/* ITU-T E.164: at most 15 digits; with fewer than 8 it may be anything. */
static size_t check_phone(ts_view match)
{
    size_t digits = 0;
    for (size_t i = 0; i < match.len; i++)
        digits += is_digit(match.ptr[i]);
    return digits >= 8 && digits <= 15 ? match.len : 0;
}

static size_t check_ip(ts_view match)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (match.len >= sizeof text)
        return 0;
    memcpy(text, match.ptr, match.len);
    text[match.len] = '\0';
    bool is = inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
    return is ? match.len : 0;
}

/* ---- the list ---- */

/* Prefixes are those that the makers publish for the sake of secret scanners. */
#define KEYS                                                                                       \
    "-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{1,10000}-----END [A-Z ]{0,40}PRIVATE KEY-----"    \
    "|(?<![\\w-])(?:"                                                                              \
    "sk-[A-Za-z0-9_-]{20,}"                           /* OpenAI, Anthropic, Langfuse */            \
    "|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"    /* Stripe */                                 \
    "|(?:AKIA|ASIA)[A-Z0-9]{16}"                      /* AWS */                                    \
    "|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\\w{22,}" /* GitHub */                                 \
    "|glpat-[\\w-]{20,}"                              /* GitLab */                                 \
    "|xox[abeoprs]-[A-Za-z0-9-]{10,}"                 /* Slack */                                  \
    "|AIza[\\w-]{35}"                                 /* Google */                                 \
    "|hf_[A-Za-z0-9]{30,}"                            /* Hugging Face */                           \
    "|npm_[A-Za-z0-9]{36}"                            /* npm */                                    \
    "|eyJ[\\w-]{8,}\\.eyJ[\\w-]{8,}\\.[\\w-]{8,}"     /* JSON Web Token, RFC 7519 */               \
    ")"                                                                                            \
    "|[Bb]earer \\K[A-Za-z0-9._~+/-]{16,}=*"           /* RFC 6750 §2.1 */                        \
    "|[Bb]asic \\K[A-Za-z0-9+/]{16,}={0,2}(?![\\w+/])" /* RFC 7617 */

const struct ts_redact_pattern ts_redact_patterns[] = {
    {"key", KEYS, NULL},
    {"email",
     "(?<![\\p{L}\\p{N}._%+-])[\\p{L}\\p{N}._%+-]{1,64}@(?:[\\p{L}\\p{N}-]{1,63}\\.){1,8}"
     "\\p{L}{2,63}(?![\\p{L}\\p{N}-])",
     NULL},
    {"iban",
     "(?i)(?<![A-Z0-9])[A-Z]{2}\\d{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)"
     "(?![A-Z0-9])",
     check_iban},
    /* 13 to 19 digits of a card scheme (ISO/IEC 7812-1 gives 2 to 6 to banks and travel) */
    {"card", "(?<![\\d.])[2-6](?:[ -]?\\d){12,18}(?!\\d)", check_card},
    {"phone",
     "(?<![\\w.+])(?:"
     "\\+\\d{1,3}(?:[ ./-]?\\(\\d{1,4}\\))?(?:[ ./-]?\\d{1,5}){1,6}" /* +49 30 123456 */
     "|\\(\\d{2,5}\\)[ ]?\\d{3,4}[ .-]?\\d{3,5}"                     /* (555) 123-4567 */
     "|\\d{3}[.-]\\d{3}[.-]\\d{4}"                                   /* 555-123-4567 */
     "|0\\d{2,4}[ /-]\\d{3,8}(?:[ -]\\d{2,4}){0,3}"                  /* 030 1234567 */
     ")(?![\\w])",
     check_phone},
    {"ip",
     "(?<![\\w.:])(?:\\d{1,3}(?:\\.\\d{1,3}){3}(?!\\.?\\d)"
     "|(?:[0-9A-Fa-f]{0,4}:){2,7}(?:\\d{1,3}(?:\\.\\d{1,3}){3}|[0-9A-Fa-f]{1,4})(?![\\w:]))",
     check_ip},
    {NULL, NULL, NULL},
};
