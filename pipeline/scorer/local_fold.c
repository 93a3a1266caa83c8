#include "pipeline/scorer/local_fold.h"

#include "tlm/text.h"

#include <utf8proc.h>

enum { MOST = 4 }; /* characters that one folds to (U+0390 to three) */

/* One character; returns how many come of it. */
static size_t fold_char(int32_t c, int32_t out[MOST])
{
    if (c >= 0 && c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
        return 1;
    }
    int boundary = 0;
    utf8proc_ssize_t n =
        c < 0 ? -1 : utf8proc_decompose_char(c, out, MOST, UTF8PROC_CASEFOLD, &boundary);
    if (n >= 1 && n <= MOST)
        return (size_t)n;
    out[0] = 0xfffd;
    return 1;
}

size_t ts_fold(ts_view text, int32_t *out, size_t room)
{
    size_t n = 0;
    size_t len;
    for (size_t at = 0; at < text.len && n < room; at += len) {
        int32_t one[MOST];
        size_t count = fold_char(ts_text_char(text, at, &len), one);
        for (size_t i = 0; i < count && n < room; i++)
            out[n++] = one[i];
    }
    return n;
}

bool ts_fold_eq(ts_view a, ts_view b)
{
    enum { LONGEST = 32 };
    int32_t left[LONGEST];
    int32_t right[LONGEST];
    if (a.len > LONGEST || b.len > LONGEST)
        return false;
    size_t n = ts_fold(a, left, LONGEST);
    return n == ts_fold(b, right, LONGEST) && memcmp(left, right, n * sizeof *left) == 0;
}

bool ts_fold_append(struct ts_buf *out, ts_view text)
{
    size_t len;
    bool space = false;
    for (size_t at = 0; at < text.len; at += len) {
        int32_t c = ts_text_char(text, at, &len);
        int32_t one[MOST];
        size_t count = fold_char(c, one);
        bool is_space = c >= 0 && ts_text_is_space(c);
        if (is_space && space)
            continue;
        space = is_space;
        for (size_t i = 0; i < count; i++) {
            uint8_t bytes[4];
            utf8proc_ssize_t n = utf8proc_encode_char(is_space ? ' ' : one[i], bytes);
            if (!ts_buf_add(out, bytes, (size_t)n))
                return false;
        }
    }
    return true;
}
