/* secrets.h - the values that no text of ours may show.
 * Credentials come out of settings (a row of kind TS_SECRET, the user in a URL), any other value may be one
 * that was put into the wrong setting when it came out of ${…}. They are known to the process from then on, like
 * the level of its log, because what must not show them is every error, every log line and every text that a
 * backend sends back. Values of fewer than six bytes are not looked for: they would be found everywhere. */
#ifndef TS_BASE_SECRETS_H
#define TS_BASE_SECRETS_H

#include "base/view.h"

/* A credential: found as it is, behind its "Bearer " or "Basic ", in base64 and out of it. Shown as
 * [REDACTED]. The bytes are copied. Thread: any. */
void ts_secret_add(ts_view value);
/* What ${…} gave; shown as it was `written`: ${env:NAME}. Thread: any. */
void ts_secret_add_expanded(ts_view value, ts_view written);
/* The user and password in "scheme://user:password@host" or "user:password@host"; other texts have none.
 * Thread: any. */
void ts_secret_add_user(ts_view text);

/* Errors and logs: what is known is replaced in place, cut to size - 1 bytes, escaped or not as JSON and URLs
 * do; what begins like a secret and was cut off is taken for one. "scheme://user@" loses its user, known or
 * not. `text` ends in a NUL. Thread: any. */
void ts_secret_mask(char *text, size_t size);

/* The text of a backend: credentials, and the `count` values of the headers that went to it, replaced by
 * [REDACTED]. `len` bytes for the caller to free, with a NUL behind them; NULL: none are in it. Thread: any. */
char *ts_secret_redact(ts_view text, const ts_view *sent, size_t count, size_t *len);

#endif
