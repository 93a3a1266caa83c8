/* patterns.h - the kinds of text that redaction knows by name. */
#ifndef TS_LLM_REDACT_PATTERNS_H
#define TS_LLM_REDACT_PATTERNS_H

#include "base/view.h"

struct ts_redact_pattern {
    const char *name;
    const char *regex; /* PCRE2, UTF-8 */
    /* How many bytes of a match are really meant; 0: it is none. NULL: all of it, always. */
    size_t (*check)(ts_view match);
};

/* In the order in which they are tried, a zeroed row at the end. Where two match the same text the one
 * that stands first has it. */
extern const struct ts_redact_pattern ts_redact_patterns[];

#endif
