/* grpc_credentials.c - certificates to gRPC core's credentials.
 * A server's are asked for at each handshake; a client's belong to a channel, which is made anew with them. */
#include "net/grpc_internal.h"

#include "net/tls_files.h"

#include <pthread.h>
#include <stdlib.h>

static struct ts_tls_paths paths_of(const struct ts_grpc_tls *tls, const char *ca_file)
{
    return (struct ts_tls_paths){.ca_file = ca_file,
                                 .cert_file = tls->cert_file,
                                 .key_file = tls->key_file,
                                 .reload_interval = tls->reload_interval};
}

/* ---- client ---- */

struct ts_tls_files *ts_grpc_client_files(const struct ts_grpc_tls *tls, struct ts_err *err)
{
    struct ts_tls_paths paths = paths_of(tls, tls->ca_file);
    return ts_tls_files_new(&paths, err);
}

grpc_channel_credentials *ts_grpc_client_credentials(struct ts_tls_files *files)
{
    struct ts_tls_pem pem = ts_tls_files_pem(files);
    grpc_ssl_pem_key_cert_pair pair = {pem.key, pem.cert};
    return grpc_ssl_credentials_create_ex(pem.ca, pem.cert ? &pair : NULL, NULL, NULL);
}

/* ---- server ---- */

struct ts_grpc_server_tls {
    pthread_mutex_t lock; /* guards all of it: handshakes happen on several threads */
    struct ts_tls_files *files;
    bool given; /* gRPC core has the first set */
};

static grpc_ssl_certificate_config_reload_status fetch(void *arg,
                                                       grpc_ssl_server_certificate_config **config)
{
    struct ts_grpc_server_tls *t = arg;
    pthread_mutex_lock(&t->lock);
    bool fresh = ts_tls_files_changed(t->files) || !t->given;
    if (fresh) {
        struct ts_tls_pem pem = ts_tls_files_pem(t->files);
        grpc_ssl_pem_key_cert_pair pair = {pem.key, pem.cert};
        /* core insists on roots; where no client is asked for a certificate, they verify nothing */
        const char *roots = pem.ca ? pem.ca : pem.cert;
        *config = grpc_ssl_server_certificate_config_create(roots, &pair, 1);
        t->given = true;
    }
    pthread_mutex_unlock(&t->lock);
    return fresh ? GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW
                 : GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
}

struct ts_grpc_server_tls *ts_grpc_server_tls_new(const struct ts_grpc_tls *tls, struct ts_err *err)
{
    struct ts_tls_paths paths = paths_of(tls, tls->client_ca_file);
    if (!tls->cert_file || !tls->key_file) {
        ts_fail(err, TS_INVALID_ARGUMENT, "a server needs both tls.cert_file and tls.key_file");
        return NULL;
    }
    struct ts_tls_files *files = ts_tls_files_new(&paths, err);
    if (!files)
        return NULL;
    struct ts_grpc_server_tls *t = ts_alloc(sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->files = files;
    return t;
}

grpc_server_credentials *ts_grpc_server_credentials(struct ts_grpc_server_tls *t)
{
    bool mutual = ts_tls_files_pem(t->files).ca != NULL;
    return grpc_ssl_server_credentials_create_with_options(
        grpc_ssl_server_credentials_create_options_using_config_fetcher(
            mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                   : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
            fetch, t));
}

void ts_grpc_server_tls_free(struct ts_grpc_server_tls *t)
{
    if (!t)
        return;
    ts_tls_files_free(t->files);
    pthread_mutex_destroy(&t->lock);
    free(t);
}
