/* labels.h - which of the allowed labels a text means (§8.6). */
#ifndef TS_TLM_LABELS_H
#define TS_TLM_LABELS_H

#include "base/arena.h"

struct ts_label {
    ts_view text;      /* one of the list */
    double similarity; /* 1: it stands in the text; else how near the text is to it */
};

/* The last label that occurs in the text, without case; else the nearest by Ratcliff and Obershelp
 * (2·M/T over code points, with case; M: characters in recursively found longest common blocks),
 * if that is ≥ 0.7; else the last of the list. `count` > 0. */
struct ts_label ts_label_of(struct ts_arena *arena, ts_view text, const ts_view *labels,
                            size_t count);

#endif
