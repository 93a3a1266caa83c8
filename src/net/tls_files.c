/* tls_files.c - see tls_files.h. OpenSSL reads what it will have to read later. */
#include "net/tls_files.h"

#include "base/buf.h"
#include "base/log.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

enum { CA, CERT, KEY, FILES, LARGEST = 1 << 20 };

struct set {
    struct ts_buf text[FILES];
};

struct ts_tls_files {
    char *paths[FILES];
    struct set set;
    struct stat seen[FILES]; /* when they were read last, good or not */
    ts_time reload_interval, next_look;
};

static void release(struct set *set)
{
    for (int i = 0; i < FILES; i++) {
        if (set->text[i].ptr)
            explicit_bzero(set->text[i].ptr, set->text[i].len);
        ts_buf_release(&set->text[i]);
    }
}

/* ---- checks ---- */

static BIO *open_text(const struct ts_buf *text)
{
    return BIO_new_mem_buf(text->ptr ? (const void *)text->ptr : "", (int)text->len);
}

/* The first certificate; *count: how many there are. */
static X509 *read_certificates(const struct ts_buf *text, int *count)
{
    BIO *bio = open_text(text);
    X509 *first = NULL;
    X509 *cert;
    for (*count = 0; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)); ++*count) {
        if (first)
            X509_free(cert);
        else
            first = cert;
    }
    BIO_free(bio);
    return first;
}

static int no_password(char *out, int size, int writing, void *arg)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *read_key(const struct ts_buf *text)
{
    BIO *bio = open_text(text);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    return key;
}

static void warn_if_expired(const X509 *cert, const char *path)
{
    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        ts_log(TS_WARN, "tls", "a certificate has expired", "file=\"%s\"", path);
    else if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        ts_log(TS_WARN, "tls", "a certificate is not valid yet", "file=\"%s\"", path);
}

static bool check_certificates(const struct ts_tls_files *f, const struct set *set, int which,
                               struct ts_err *err)
{
    int count = 0;
    if (!f->paths[which])
        return true;
    X509 *cert = read_certificates(&set->text[which], &count);
    if (!cert)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "'%s' holds no certificate; it must be PEM: -----BEGIN CERTIFICATE-----",
                       f->paths[which]);
    if (which == CERT || count == 1)
        warn_if_expired(cert, f->paths[which]);
    X509_free(cert);
    return true;
}

static bool check_pair(const struct ts_tls_files *f, const struct set *set, struct ts_err *err)
{
    int count;
    if (!f->paths[KEY])
        return true;
    EVP_PKEY *key = read_key(&set->text[KEY]);
    X509 *cert = key ? read_certificates(&set->text[CERT], &count) : NULL;
    bool ok = true;
    if (!key)
        ok = ts_fail(err, TS_INVALID_ARGUMENT,
                     "'%s' holds no private key that can be read; it must be PEM, without a "
                     "password",
                     f->paths[KEY]);
    else if (X509_check_private_key(cert, key) != 1)
        ok = ts_fail(err, TS_INVALID_ARGUMENT,
                     "the key in '%s' is not that of the certificate in "
                     "'%s'",
                     f->paths[KEY], f->paths[CERT]);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

static bool read_set(const struct ts_tls_files *f, struct set *set, struct ts_err *err)
{
    if (!f->paths[CERT] != !f->paths[KEY])
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "tls.cert_file and tls.key_file belong together; set both or none");
    for (int i = 0; i < FILES; i++) {
        set->text[i] = TS_BUF_LIMIT(LARGEST);
        if (f->paths[i] && !ts_buf_read_file(&set->text[i], f->paths[i], err))
            return false;
    }
    return check_certificates(f, set, CA, err) && check_certificates(f, set, CERT, err) &&
           check_pair(f, set, err);
}

/* ---- changes ---- */

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Notes what the files are now; false: the same as before. A file that is not there is all zero. */
static bool look(struct ts_tls_files *f)
{
    bool changed = false;
    for (int i = 0; i < FILES; i++) {
        struct stat now;
        if (!f->paths[i] || stat(f->paths[i], &now) != 0)
            memset(&now, 0, sizeof now);
        changed |= !is_same(&now, &f->seen[i]);
        f->seen[i] = now;
    }
    return changed;
}

bool ts_tls_files_changed(struct ts_tls_files *f)
{
    struct set fresh = {{TS_BUF_INIT, TS_BUF_INIT, TS_BUF_INIT}};
    struct ts_err err = {0};
    ts_time now = ts_now();
    if (f->reload_interval == 0 || now < f->next_look)
        return false;
    f->next_look = now + f->reload_interval;
    if (!look(f))
        return false;
    if (!read_set(f, &fresh, &err)) {
        ts_log(TS_WARN, "tls", "changed files are not good, the last ones stay in use",
               "reason=\"%s\"", err.what);
        release(&fresh);
        return false;
    }
    release(&f->set);
    f->set = fresh;
    const char *named = f->paths[CERT] ? f->paths[CERT] : f->paths[CA];
    ts_log(TS_INFO, "tls", "certificates were taken up anew", "file=\"%s\"", named ? named : "");
    return true;
}

struct ts_tls_pem ts_tls_files_pem(struct ts_tls_files *f)
{
    return (struct ts_tls_pem){.ca = f->paths[CA] ? ts_buf_cstr(&f->set.text[CA]) : NULL,
                               .cert = f->paths[CERT] ? ts_buf_cstr(&f->set.text[CERT]) : NULL,
                               .key = f->paths[KEY] ? ts_buf_cstr(&f->set.text[KEY]) : NULL};
}

/* ---- life ---- */

struct ts_tls_files *ts_tls_files_new(const struct ts_tls_paths *paths, struct ts_err *err)
{
    struct ts_tls_files *f = ts_alloc(sizeof *f);
    f->paths[CA] = ts_strdup(paths->ca_file);
    f->paths[CERT] = ts_strdup(paths->cert_file);
    f->paths[KEY] = ts_strdup(paths->key_file);
    f->reload_interval = paths->reload_interval;
    look(f);
    if (read_set(f, &f->set, err))
        return f;
    ts_tls_files_free(f);
    return NULL;
}

void ts_tls_files_free(struct ts_tls_files *f)
{
    if (!f)
        return;
    release(&f->set);
    for (int i = 0; i < FILES; i++)
        free(f->paths[i]);
    free(f);
}
