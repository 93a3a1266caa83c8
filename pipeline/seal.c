#include "pipeline/seal.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    KEY = crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
    NONCE = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG = crypto_aead_xchacha20poly1305_ietf_ABYTES
};

struct ts_seal {
    uint8_t key[KEY];
};

static bool read_key(ts_view text, uint8_t *key)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING};
    const char *from = (const char *)text.ptr;
    size_t len = 0;
    if (sodium_hex2bin(key, KEY, from, text.len, NULL, &len, NULL) == 0 && len == KEY)
        return true;
    for (size_t i = 0; i < TS_COUNT(variants); i++)
        if (sodium_base642bin(key, KEY, from, text.len, NULL, &len, NULL, variants[i]) == 0 &&
            len == KEY)
            return true;
    return false;
}

struct ts_seal *ts_seal_new(const char *text, struct ts_err *err)
{
    struct ts_seal *seal = ts_alloc(sizeof *seal);
    if (sodium_init() < 0)
        ts_fail(err, TS_UNAVAILABLE, "the system has no random numbers for a nonce");
    else if (!read_key(ts_view_trim(ts_view_str(text)), seal->key))
        ts_fail(err, TS_INVALID_ARGUMENT,
                "the value is not 32 bytes in base64 or hex; make a key with: openssl rand -base64 "
                "32");
    else
        return seal;
    ts_seal_free(seal);
    return NULL;
}

void ts_seal_free(struct ts_seal *seal)
{
    if (seal)
        sodium_memzero(seal, sizeof *seal);
    free(seal);
}

void ts_seal_close(const struct ts_seal *seal, ts_view secret, ts_view beside, struct ts_buf *out)
{
    uint8_t *nonce = ts_buf_reserve(out, NONCE + secret.len + TAG);
    if (!nonce)
        return;
    randombytes_buf(nonce, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + NONCE, NULL, secret.ptr, secret.len,
                                               beside.ptr, beside.len, NULL, nonce, seal->key);
    out->len += NONCE + secret.len + TAG;
}

bool ts_seal_open(const struct ts_seal *seal, ts_view sealed, ts_view beside, struct ts_buf *out)
{
    if (sealed.len < NONCE + TAG)
        return false;
    size_t len = sealed.len - NONCE - TAG;
    uint8_t *at = ts_buf_reserve(out, len + 1);
    if (!at || crypto_aead_xchacha20poly1305_ietf_decrypt(at, NULL, NULL, sealed.ptr + NONCE,
                                                          sealed.len - NONCE, beside.ptr,
                                                          beside.len, sealed.ptr, seal->key) != 0)
        return false;
    out->len += len;
    return true;
}
