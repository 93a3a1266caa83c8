/* shared_settings.c - the tables. */
#include "pipeline/shared_settings.h"

#define CLIENT(field) offsetof(struct ts_tls_client_config, field)
const struct ts_setting ts_tls_client_table[] = {
    {.key = "insecure",
     .kind = TS_BOOL,
     .offset = CLIENT(insecure),
     .default_text = "false",
     .help = "no TLS at all"},
    {.key = "insecure_skip_verify",
     .kind = TS_BOOL,
     .offset = CLIENT(insecure_skip_verify),
     .default_text = "false",
     .help = "accept any certificate (not possible over gRPC)"},
    {.key = "ca_file",
     .kind = TS_TEXT,
     .offset = CLIENT(ca_file),
     .help = "PEM file of trusted roots instead of the system's"},
    {.key = "cert_file",
     .kind = TS_TEXT,
     .offset = CLIENT(cert_file),
     .help = "PEM file of the client certificate"},
    {.key = "key_file",
     .kind = TS_TEXT,
     .offset = CLIENT(key_file),
     .help = "PEM file of the client key"},
    {.key = "server_name_override",
     .kind = TS_TEXT,
     .offset = CLIENT(server_name_override),
     .help = "name expected in the server's certificate"},
    {.key = "reload_interval",
     .kind = TS_DURATION,
     .offset = CLIENT(reload_interval),
     .default_text = "1s",
     .help = "how soon changed files are taken up by new connections; 0s: never"},
    {0},
};

struct ts_grpc_tls ts_tls_client(const struct ts_tls_client_config *c)
{
    return (struct ts_grpc_tls){.enabled = !c->insecure,
                                .skip_verify = c->insecure_skip_verify,
                                .ca_file = c->ca_file,
                                .cert_file = c->cert_file,
                                .key_file = c->key_file,
                                .server_name = c->server_name_override,
                                .reload_interval = c->reload_interval};
}

bool ts_tls_http(const struct ts_tls_client_config *c, struct ts_http_tls *http, struct ts_err *err)
{
    *http = (struct ts_http_tls){.skip_verify = c->insecure_skip_verify,
                                 .files = {.ca_file = c->ca_file,
                                           .cert_file = c->cert_file,
                                           .key_file = c->key_file,
                                           .reload_interval = c->reload_interval}};
    if (c->server_name_override)
        return ts_fail(err, TS_INVALID_ARGUMENT,
                       "tls.server_name_override is for gRPC; put the name into the URL");
    struct ts_tls_files *files = ts_tls_files_new(&http->files, err);
    bool good = files != NULL;
    ts_tls_files_free(files);
    return good;
}

#define SERVER(field) offsetof(struct ts_tls_server_config, field)
const struct ts_setting ts_tls_server_table[] = {
    {.key = "cert_file",
     .kind = TS_TEXT,
     .offset = SERVER(cert_file),
     .help = "PEM file of the server certificate"},
    {.key = "key_file",
     .kind = TS_TEXT,
     .offset = SERVER(key_file),
     .help = "PEM file of the server key"},
    {.key = "client_ca_file",
     .kind = TS_TEXT,
     .offset = SERVER(client_ca_file),
     .help = "PEM file; makes client certificates required and verified"},
    {.key = "reload_interval",
     .kind = TS_DURATION,
     .offset = SERVER(reload_interval),
     .default_text = "1s",
     .help = "how soon changed files are taken up by new connections; 0s: never"},
    {0},
};
