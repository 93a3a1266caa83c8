/* gzip.c - inflate in growing steps, deflate over slices. */
#include "wire/gzip.h"

#include <assert.h>
#include <zlib.h>

enum { STEP = 65536, AUTO_HEADER = 32, GZIP_HEADER = 16 };

static bool inflate_step(z_stream *z, size_t max, size_t before, struct ts_buf *out, int *result,
                         struct ts_err *err)
{
    size_t have = out->len - before;
    size_t room = max - have < STEP ? max - have : STEP;
    uint8_t extra; /* at the limit: one byte more shows that there is more */
    uint8_t *at = room ? ts_buf_reserve(out, room) : &extra;
    if (!at)
        return ts_fail(err, TS_RESOURCE_EXHAUSTED, "no room for the inflated request");
    z->next_out = at;
    z->avail_out = (uInt)(room ? room : 1);
    *result = inflate(z, Z_NO_FLUSH);
    size_t got = (room ? room : 1) - z->avail_out;
    if (room == 0 && got > 0)
        return ts_fail(err, TS_RESOURCE_EXHAUSTED,
                       "request is larger than %zu bytes when inflated; send smaller batches or "
                       "raise max_recv_msg_size_mib",
                       max);
    out->len += room ? got : 0;
    if (*result == Z_OK || *result == Z_STREAM_END)
        return true;
    return ts_fail(err, TS_INVALID_ARGUMENT, "gzip data is %s",
                   *result == Z_BUF_ERROR ? "cut off" : "damaged");
}

bool ts_gzip_inflate(ts_view in, size_t max, struct ts_buf *out, struct ts_err *err)
{
    if (in.len > UINT32_MAX)
        return ts_fail(err, TS_RESOURCE_EXHAUSTED, "compressed request is too large");
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.ptr, .avail_in = (uInt)in.len};
    if (inflateInit2(&z, MAX_WBITS + AUTO_HEADER) != Z_OK)
        return ts_fail(err, TS_RESOURCE_EXHAUSTED, "no memory to inflate the request");
    size_t before = out->len;
    bool ok = true;
    int result = Z_OK;
    while (ok) {
        ok = inflate_step(&z, max, before, out, &result, err);
        if (!ok || result != Z_STREAM_END)
            continue;
        if (z.avail_in == 0)
            break;
        ok = inflateReset(&z) == Z_OK; /* the next member */
    }
    inflateEnd(&z);
    return ok;
}

void ts_gzip_deflate(const ts_view *slices, size_t count, int level, struct ts_buf *out)
{
    z_stream z = {0};
    int bad = deflateInit2(&z, level, Z_DEFLATED, MAX_WBITS + GZIP_HEADER, 8, Z_DEFAULT_STRATEGY);
    assert(bad == Z_OK);
    (void)bad;
    for (size_t i = 0; i <= count; i++) {
        bool last = i == count;
        z.next_in = last ? NULL : (Bytef *)(uintptr_t)slices[i].ptr;
        z.avail_in = last ? 0 : (uInt)slices[i].len;
        do {
            z.next_out = ts_buf_reserve(out, STEP);
            assert(z.next_out);
            z.avail_out = STEP;
            deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
            out->len += STEP - z.avail_out;
        } while (z.avail_out == 0);
    }
    deflateEnd(&z);
}
