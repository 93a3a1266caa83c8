/* tls_files.h - certificates and keys in PEM files, checked, and taken up anew when the files change.
 * gRPC core and libcurl say of a bad file at best that something is wrong with some certificate. Here the file
 * is named, and a pair of which one half is not there yet leaves the last good one in force. */
#ifndef TS_NET_TLS_FILES_H
#define TS_NET_TLS_FILES_H

#include "base/err.h"

struct ts_tls_paths {
    const char *ca_file, *cert_file, *key_file; /* NULL: not used */
    ts_time reload_interval;                    /* between looks at the files; 0: never again */
};

struct ts_tls_pem {
    const char *ca, *cert, *key; /* NULL: there is no such file */
};

struct ts_tls_files;

/* Reads and checks. Errors name the file: it cannot be read, is no PEM, holds no certificate or no key, the key
 * is not that of the certificate, one of the pair is not given. One that has expired is a warning. The paths are
 * copied. Thread: any. */
struct ts_tls_files *ts_tls_files_new(const struct ts_tls_paths *paths, struct ts_err *err);
void ts_tls_files_free(struct ts_tls_files *files); /* wipes the key; NULL is fine */

/* Has a file changed since, and is all of it good? False, with a warning in the log, when it is not: what was
 * read stays. Looks at most once in reload_interval. Thread: one at a time, here and below. */
bool ts_tls_files_changed(struct ts_tls_files *files);
/* Valid until ts_tls_files_changed says so. */
struct ts_tls_pem ts_tls_files_pem(struct ts_tls_files *files);

#endif
