/* log.h - one line per event on standard error.
 *   2026-11-24T03:12:45.120Z warn exporter/otlp_grpc "send failed, will retry" code=UNAVAILABLE
 * Time, level, component id, a fixed sentence, then key=value: the sentence can be counted, the
 * values can be searched. Units in values. Prompt, response, header value, key: never; secrets that are
 * known (base/secrets.h) do not stay in the values. `error` means that somebody must act. */
#ifndef TS_BASE_LOG_H
#define TS_BASE_LOG_H

#include "base/view.h"

enum ts_level { TS_DEBUG, TS_INFO, TS_WARN, TS_ERROR };

/* Lines below the level are not written. Default TS_INFO. Thread: any, before other threads. */
void ts_log_set_level(enum ts_level level);
bool ts_log_level_parse(ts_view name, enum ts_level *out);

/* `values` is a printf format for the key=value part; "" for none. Values that hold a space, quote
 * or control character are the caller's to put in quotes ("reason=\"%s\""); control characters
 * become spaces. Thread: any; a line is written whole. */
void ts_log(enum ts_level level, const char *component, const char *sentence, const char *values,
            ...) TS_PRINTF(4, 5);

/* For lines that can repeat: lets one through per `interval` and call site, then says how many
 * were left out (suppressed=N). `struct ts_log_site site = {0}` is static at the call site. */
struct ts_log_site {
    int64_t next_ns; /* atomic */
    int64_t dropped; /* atomic */
};
#define TS_LOG_LIMITED(level, component, sentence, ...)                                            \
    do {                                                                                           \
        static struct ts_log_site ts_site_;                                                        \
        ts_log_limited(&ts_site_, level, component, sentence, __VA_ARGS__);                        \
    } while (0)
void ts_log_limited(struct ts_log_site *site, enum ts_level level, const char *component,
                    const char *sentence, const char *values, ...) TS_PRINTF(5, 6);

#endif
