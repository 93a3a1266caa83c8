/* file_storage.c - where the spool is. The engine opens it; this is its settings. */
#include "pipeline/extension.h"
#include "pipeline/seal.h"

struct file_storage_config {
    const char *directory;
    bool create_directory;
    uint64_t max_size;
    bool fsync;
    const char *encryption_key;
};

static bool check(const void *config, struct ts_err *err)
{
    const struct file_storage_config *c = config;
    if (!c->encryption_key)
        return true;
    struct ts_seal *seal = ts_seal_new(c->encryption_key, err);
    ts_seal_free(seal);
    return seal || ts_fail_in(err, "encryption_key");
}

static void storage(const void *config, struct ts_storage *out)
{
    const struct file_storage_config *c = config;
    *out = (struct ts_storage){{c->directory, c->create_directory, c->max_size, c->fsync},
                               c->encryption_key};
}

#define AT(field) offsetof(struct file_storage_config, field)
static const struct ts_setting settings[] = {
    {.key = "directory",
     .kind = TS_TEXT,
     .offset = AT(directory),
     .default_text = "${env:TRUSTSPAN_STATE_DIR:-/var/lib/trustspan}",
     .help = "where the spool is kept"},
    {.key = "create_directory",
     .kind = TS_BOOL,
     .offset = AT(create_directory),
     .default_text = "true",
     .help = "make it when it is not there"},
    {.key = "max_size",
     .kind = TS_SIZE,
     .offset = AT(max_size),
     .default_text = "4GiB",
     .min = "1MiB",
     .max = "1024GiB",
     .help = "of all waiting requests; beyond, senders are told to wait"},
    {.key = "fsync",
     .kind = TS_BOOL,
     .offset = AT(fsync),
     .default_text = "true",
     .help = "before a request is acknowledged; false survives a crash, not a power loss"},
    {.key = "encryption_key",
     .kind = TS_SECRET,
     .offset = AT(encryption_key),
     .help =
         "encrypts forwarded headers on disk: 32 bytes in base64 or hex, as ${env:…} or ${file:…}"},
    {0},
};

const struct ts_extension ts_extension_file_storage = {
    .base = {.kind = TS_EXTENSION,
             .type = "file_storage",
             .about =
                 "the durable spool, on by default; `storage: none` under service turns it off",
             .settings = settings,
             .config_size = sizeof(struct file_storage_config),
             .check = check},
    .storage = storage,
};
