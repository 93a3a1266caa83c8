/* http_client.c - libcurl's multi_socket interface driven by libuv polls and our timers.
 * For each request libcurl looks at every connection to the same host, so with thousands of them the
 * search is what costs. The connections of a client are dealt out to several multi handles. */
#include "net/http_client.h"

#include "net/endpoint.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

/* SHARE: connections of one multi handle. With more than MANY in all, each holds as little ready for
 * what it reads as curl allows: 1 KiB instead of 16. */
enum { MAX_RESPONSE = 1 << 20, CONNECTIONS = 64, SHARE = 256, MANY = 512, SMALL_BUFFER = 1024 };

struct ts_http_exchange {
    struct ts_http_exchange *next, **back; /* all that are in flight */
    struct share *share;
    struct ts_http_job *job; /* its error text is curl's error buffer */
    CURL *easy;
    struct curl_slist *headers; /* of its own; NULL: the client's */
    struct ts_timer deadline;
    bool too_long;
    bool again; /* tried twice: a pooled connection had died */
};

/* A multi handle, and what it has under way. */
struct share {
    struct ts_http_client *client;
    CURLM *multi;
    struct ts_timer timer;
    int busy;
};

struct poll {
    uv_poll_t uv;
    curl_socket_t fd;
    struct share *share;
};

struct ts_http_client {
    struct ts_loop *loop;
    struct share *shares; /* filled from the first on, so that connections are used again */
    int share_count;
    struct ts_http_options options;
    struct ts_tls_files *files; /* NULL: the system's roots and no certificate */
    char *user_agent;
    struct curl_slist *headers;
    struct ts_http_exchange *exchanges;
    bool closing;
};

static_assert(sizeof((struct ts_err){0}.what) >= CURL_ERROR_SIZE, "curl writes into it");

/* ---- one exchange ---- */

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct ts_http_exchange *x = arg;
    if (ts_buf_add(&x->job->body, data, size * count))
        return size * count;
    x->too_long = true;
    return 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct ts_http_exchange *x = arg;
    ts_view line = ts_view_trim(ts_view_of(data, size * count));
    ts_limits_read(&x->job->limits, line);
    if (ts_view_starts_nocase(line, TS_LIT("content-type:"))) {
        ts_view type = ts_view_trim(ts_view_from(line, 13));
        size_t n = 0;
        for (; n < type.len && n + 1 < sizeof x->job->content_type && type.ptr[n] != ';'; n++)
            x->job->content_type[n] = (char)tolower(type.ptr[n]);
        x->job->content_type[n] = '\0';
    }
    return size * count;
}

static void unlink_exchange(struct ts_http_exchange *x)
{
    *x->back = x->next;
    if (x->next)
        x->next->back = x->back;
    ts_timer_stop(x->share->client->loop, &x->deadline);
    curl_multi_remove_handle(x->share->multi, x->easy);
    x->share->busy--;
}

static void end(struct ts_http_exchange *x, enum ts_job_end how)
{
    struct ts_http_job *job = x->job;
    unlink_exchange(x);
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->headers);
    free(x);
    job->exchange = NULL;
    ts_job_finish(&job->job, how);
}

static enum ts_code code_of(CURLcode bad, const char *url)
{
    switch (bad) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return TS_UNAUTHENTICATED;
    case CURLE_URL_MALFORMAT:
        return TS_INVALID_ARGUMENT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* the URL's, or an answer that is no HTTP */
        return strncmp(url, "http", 4) == 0 ? TS_UNAVAILABLE : TS_INVALID_ARGUMENT;
    default:
        return TS_UNAVAILABLE;
    }
}

/* scheme://host:port of a URL: what may be shown. With an '@' in its path what stands in front may be half of
 * a password that nobody escaped. */
static ts_view origin(const char *url)
{
    ts_view v = ts_view_str(url);
    struct ts_endpoint e = ts_endpoint_of(v);
    if (e.address.len == 0 || ts_view_find(e.path, TS_LIT("@")) != SIZE_MAX)
        return e.scheme;
    bool apart = e.scheme.len == 0 || e.user.len > 0; /* a password stands before the address */
    return apart ? e.address : ts_view_cut(v, 0, (size_t)(e.address.ptr - v.ptr) + e.address.len);
}

/* A connection from the pool may have been closed meanwhile: once more, on a fresh one. */
static bool try_again(struct ts_http_exchange *x, CURLcode bad)
{
    long fresh = 1;
    long answered = 0; /* bytes of the head: an answer that began is not asked for again */
    curl_easy_getinfo(x->easy, CURLINFO_NUM_CONNECTS, &fresh);
    curl_easy_getinfo(x->easy, CURLINFO_HEADER_SIZE, &answered);
    bool died = bad == CURLE_SEND_ERROR || bad == CURLE_RECV_ERROR || bad == CURLE_GOT_NOTHING;
    if (!died || x->again || fresh > 0 || answered > 0)
        return false;
    x->again = true;
    curl_multi_remove_handle(x->share->multi, x->easy);
    curl_easy_setopt(x->easy, CURLOPT_FRESH_CONNECT, 1L);
    x->job->job.err.what[0] = '\0';
    curl_multi_add_handle(x->share->multi, x->easy);
    return true;
}

static void complete(struct ts_http_exchange *x, CURLcode bad)
{
    struct ts_http_job *job = x->job;
    if (bad != CURLE_OK && try_again(x, bad))
        return;
    if (bad == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
        job->status = (int)status;
        job->job.err.what[0] = '\0';
        end(x, TS_JOB_DONE);
        return;
    }
    ts_view where = origin(job->request.url);
    char cause[sizeof job->job.err.what];
    snprintf(cause, sizeof cause, "%s",
             job->job.err.what[0] ? job->job.err.what : curl_easy_strerror(bad));
    if (x->too_long)
        ts_fail(&job->job.err, TS_RESOURCE_EXHAUSTED, TS_FMT " answered with more than %zu bytes",
                TS_ARG(where), job->body.max);
    else
        ts_fail(&job->job.err, code_of(bad, job->request.url), TS_FMT ": %s", TS_ARG(where), cause);
    end(x, TS_JOB_FAILED);
}

/* ---- curl and the loop ---- */

static void collect(struct share *share)
{
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(share->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct ts_http_exchange *x = NULL;
        CURLcode bad = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &x);
        complete(x, bad);
    }
}

static void on_ready(uv_poll_t *uv, int status, int events)
{
    struct poll *poll = uv->data;
    struct share *share = poll->share;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0) | (status < 0 ? CURL_CSELECT_ERR : 0);
    int running;
    curl_multi_socket_action(share->multi, poll->fd, flags, &running);
    collect(share);
}

static void on_timer(struct ts_timer *timer)
{
    struct share *share = TS_CONTAINER_OF(timer, struct share, timer);
    int running;
    curl_multi_socket_action(share->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(share);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct share *share = arg;
    struct ts_loop *loop = share->client->loop;
    (void)multi;
    if (ms < 0)
        ts_timer_stop(loop, &share->timer);
    else
        ts_timer_start(loop, &share->timer, ts_now() + ms * TS_MS, on_timer);
    return 0;
}

static void free_poll(uv_handle_t *handle)
{
    free(handle->data);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket)
{
    struct share *share = arg;
    struct poll *poll = socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (poll) {
            uv_poll_stop(&poll->uv);
            uv_close((uv_handle_t *)&poll->uv, free_poll);
            curl_multi_assign(share->multi, fd, NULL);
        }
        return 0;
    }
    if (!poll) {
        poll = ts_alloc(sizeof *poll);
        poll->fd = fd;
        poll->share = share;
        uv_poll_init_socket(ts_loop_uv(share->client->loop), &poll->uv, fd);
        poll->uv.data = poll;
        curl_multi_assign(share->multi, fd, poll);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    uv_poll_start(&poll->uv, events, on_ready);
    return 0;
}

/* ---- submit and cancel ---- */

static void on_deadline(struct ts_timer *timer)
{
    end(TS_CONTAINER_OF(timer, struct ts_http_exchange, deadline), TS_JOB_EXPIRED);
}

static struct curl_slist *add_headers(struct curl_slist *list, const char *const *h)
{
    for (; h && *h; h++)
        list = curl_slist_append(list, *h);
    return list;
}

static struct curl_slist *headers_of(struct ts_http_exchange *x)
{
    struct curl_slist *common = x->share->client->headers;
    if (!x->job->request.headers)
        return common;
    for (struct curl_slist *h = common; h; h = h->next)
        x->headers = curl_slist_append(x->headers, h->data);
    x->headers = add_headers(x->headers, x->job->request.headers);
    return x->headers;
}

static void set_blob(CURL *e, CURLoption option, const char *pem)
{
    struct curl_blob blob = {(void *)(uintptr_t)pem, pem ? strlen(pem) : 0, CURL_BLOB_COPY};
    if (pem)
        curl_easy_setopt(e, option, &blob);
}

/* As bytes, so that libcurl's pool takes a connection for what it is made with, and its cache of roots by
 * file name, which lasts a day, stays out of it. */
static void set_certificates(CURL *e, struct ts_tls_files *files)
{
    ts_tls_files_changed(files);
    struct ts_tls_pem pem = ts_tls_files_pem(files);
    set_blob(e, CURLOPT_CAINFO_BLOB, pem.ca);
    set_blob(e, CURLOPT_SSLCERT_BLOB, pem.cert);
    set_blob(e, CURLOPT_SSLKEY_BLOB, pem.key);
}

static void configure(struct ts_http_exchange *x)
{
    const struct ts_http_client *c = x->share->client;
    struct ts_http_job *job = x->job;
    CURL *e = x->easy;
    curl_easy_setopt(e, CURLOPT_URL, job->request.url);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, job->request.method);
    if (job->request.body.len > 0 || strcmp(job->request.method, "GET") != 0) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)job->request.body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS,
                         job->request.body.len ? (const char *)job->request.body.ptr : "");
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers_of(x));
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->job->job.err.what);
    if (c->options.max_connections > MANY)
        curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)SMALL_BUFFER);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* else giving up joins the thread that resolves */
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_USERAGENT, c->user_agent);
    ts_time connect = c->options.connect_timeout ? c->options.connect_timeout : 5 * TS_S;
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect / TS_MS));
    if (c->files)
        set_certificates(e, c->files);
    if (c->options.tls.skip_verify) {
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* The first share with room; where there is none, what comes waits in the last. */
static struct share *share_for(struct ts_http_client *client)
{
    int i = 0;
    while (i + 1 < client->share_count && client->shares[i].busy >= SHARE)
        i++;
    return &client->shares[i];
}

void ts_http_submit(struct ts_http_client *client, struct ts_http_job *job)
{
    assert(!client->closing);
    struct ts_http_exchange *x = ts_alloc(sizeof *x);
    x->share = share_for(client);
    x->share->busy++;
    x->job = job;
    x->easy = curl_easy_init();
    x->next = client->exchanges;
    x->back = &client->exchanges;
    if (x->next)
        x->next->back = &x->next;
    client->exchanges = x;
    job->exchange = x;
    job->status = 0;
    job->limits = (struct ts_limits){0};
    job->content_type[0] = '\0';
    job->job.err = (struct ts_err){0};
    job->body = TS_BUF_LIMIT(job->request.max_response ? job->request.max_response : MAX_RESPONSE);
    configure(x);
    if (job->job.deadline > 0 && job->job.deadline != TS_NEVER)
        ts_timer_start(client->loop, &x->deadline, job->job.deadline, on_deadline);
    curl_multi_add_handle(x->share->multi, x->easy);
}

void ts_http_cancel(struct ts_http_client *client, struct ts_http_job *job)
{
    (void)client;
    if (job->exchange)
        end(job->exchange, TS_JOB_CANCELLED);
}

void ts_http_job_release(struct ts_http_job *job)
{
    ts_buf_release(&job->body);
}

/* ---- life ---- */

static void open_share(struct ts_http_client *c, int i, int connections)
{
    struct share *share = &c->shares[i];
    share->client = c;
    share->multi = curl_multi_init();
    curl_multi_setopt(share->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(share->multi, CURLMOPT_SOCKETDATA, share);
    curl_multi_setopt(share->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(share->multi, CURLMOPT_TIMERDATA, share);
    curl_multi_setopt(share->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)connections);
}

struct ts_http_client *ts_http_client_new(struct ts_loop *loop, const struct ts_http_options *o)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct ts_http_client *c = ts_alloc(sizeof *c);
    int connections = o->max_connections ? o->max_connections : CONNECTIONS;
    c->loop = loop;
    c->options = *o;
    c->user_agent = ts_strdup(o->user_agent ? o->user_agent : "trustspan/" TS_VERSION);
    c->files = ts_tls_files_new(&o->tls.files, NULL);
    c->headers = curl_slist_append(NULL, "Expect:"); /* no wait for 100-continue */
    c->headers = add_headers(c->headers, o->headers);
    c->share_count = (connections + SHARE - 1) / SHARE;
    c->shares = ts_alloc((size_t)c->share_count * sizeof *c->shares);
    for (int i = 0; i < c->share_count; i++) {
        int left = connections - i * SHARE;
        open_share(c, i, left < SHARE ? left : SHARE);
    }
    return c;
}

void ts_http_client_free(struct ts_http_client *client)
{
    if (!client)
        return;
    client->closing = true;
    while (client->exchanges) /* end takes the first off the list */
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        end(client->exchanges, TS_JOB_CANCELLED);
    for (int i = 0; i < client->share_count; i++) {
        curl_multi_cleanup(client->shares[i].multi);
        ts_timer_stop(client->loop, &client->shares[i].timer);
    }
    for (struct curl_slist *h = client->headers; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(client->headers);
    free(client->shares);
    free(client->user_agent);
    ts_tls_files_free(client->files);
    free(client);
    curl_global_cleanup();
}
