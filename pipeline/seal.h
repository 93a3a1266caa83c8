/* seal.h - what a stored record must not show: forwarded credentials, encrypted with the user's key.
 * XChaCha20-Poly1305 (libsodium), a random nonce for each; the rest of the record's head is bound to it, so
 * that sealed headers open with their own record only. */
#ifndef TS_PIPELINE_SEAL_H
#define TS_PIPELINE_SEAL_H

#include "base/buf.h"

struct ts_seal; /* a key; immutable */

/* The key that `text` writes: 32 bytes in base64 or hex, space around it is fine. NULL: err says how to
 * make one, without what was given. Thread: main. */
struct ts_seal *ts_seal_new(const char *text, struct ts_err *err);
/* Wipes the key. NULL is fine. */
void ts_seal_free(struct ts_seal *seal);
/* Appends nonce and cipher text of `secret`, bound to `beside`. Thread: any. */
void ts_seal_close(const struct ts_seal *seal, ts_view secret, ts_view beside, struct ts_buf *out);
/* Appends what was closed. False: another key, or other bytes than were written. Thread: any. */
bool ts_seal_open(const struct ts_seal *seal, ts_view sealed, ts_view beside, struct ts_buf *out);

#endif
