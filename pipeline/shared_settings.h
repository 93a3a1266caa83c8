/* shared_settings.h - settings that several components have in the same words (collector names). */
#ifndef TS_PIPELINE_SHARED_SETTINGS_H
#define TS_PIPELINE_SHARED_SETTINGS_H

#include "config/settings.h"
#include "net/grpc.h"
#include "net/http_client.h"

/* tls: of a client (otlp-and-collector.md 2.5) */
struct ts_tls_client_config {
    bool insecure, insecure_skip_verify;
    const char *ca_file, *cert_file, *key_file, *server_name_override;
    ts_time reload_interval;
};
extern const struct ts_setting ts_tls_client_table[];
struct ts_grpc_tls ts_tls_client(const struct ts_tls_client_config *config);
/* The same for HTTP, where https in the URL turns it on: `http` gets them. Errors: a file that is not
 * good, and server_name_override. */
bool ts_tls_http(const struct ts_tls_client_config *config, struct ts_http_tls *http,
                 struct ts_err *err);

/* tls: of a server */
struct ts_tls_server_config {
    const char *cert_file, *key_file, *client_ca_file;
    ts_time reload_interval;
};
extern const struct ts_setting ts_tls_server_table[];

#endif
