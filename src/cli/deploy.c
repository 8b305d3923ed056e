/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy.c - one function from its directory to an instance that loads.
 *
 *   package --> what is there? --> PUT with the package, or only its hash --> probe
 *      ^                                    |409: somebody else was faster
 *      '------------------------------------'
 *
 * The daemon keeps what a package's hash names, so code that did not change is not sent again. A
 * PUT is one step for the daemon: either it has the request whole, then it is done, or nothing
 * happened. So Ctrl-C ends the sending, and once all is sent waits for the answer.
 */
#include "cli/deploy.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/fan.h"
#include "cli/foreign/foreign.h"
#include "cli/pack.h"
#include "cli/plan.h"
#include "cli/progress.h"
#include "cli/units.h"

enum {
    MANIFEST_MAX = 1 << 20,
    PACKAGE_MAX = 100 << 20,
    REQUEST_MAX = 139 << 20,
    TIMEOUT_MS = 300000,
    TRIES = 4,
    TELL_SENT = 1 << 20, /* what is sent at once is not worth a line */
};

/* ---- the manifest ---- */

static int parse_file(const char *file, struct manifest *ret, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    int r;

    buf_init(&text, MANIFEST_MAX);
    r = io_read_file(AT_FDCWD, file, &text, e);
    if (r < 0)
        return r;
    r = manifest_parse(buf_str(&text), ret, e);
    return r < 0 ? err_wrap(e, r, "%.100s", file) : 0;
}

/* The first that is there; of none, evoke.yaml is missing. Owned. */
static char *find_in(const char *dir)
{
    for (size_t i = 0; foreign_files[i]; i++) {
        cleanup_free char *file = xasprintf("%s/%s", dir, foreign_files[i]);

        if (access(file, F_OK) == 0)
            return TAKE_PTR(file);
    }
    return xasprintf("%s/%s", dir, foreign_files[0]);
}

static int find_manifest(const char *where, struct deploy_source *ret, struct err *e)
{
    const char *slash = strrchr(where, '/');
    struct str name = str_of(where);
    struct stat st;

    if (stat(where, &st) < 0)
        return errno == ENOENT
                       ? err_set(e, ERR_CALLER, -ENOENT,
                                 "'%.100s' is neither a directory nor a manifest; a function "
                                 "of this directory: evoke deploy . %.64s",
                                 where, where)
                       : err_sys(e, "'%.100s'", where);
    if (S_ISDIR(st.st_mode)) {
        ret->dir = xstrdup(where);
        ret->file = find_in(where);
        return 0;
    }
    if (!str_ends(name, S(".yaml")) && !str_ends(name, S(".yml")))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.100s' is no manifest (.yaml); a package is named by 'code' in one",
                       where);
    ret->dir = slash ? xstrndup(where, slash == where ? 1 : (size_t)(slash - where)) : xstrdup(".");
    ret->file = xstrdup(where);
    return 0;
}

int deploy_source_read(const char *where, struct deploy_source *ret, struct err *e)
{
    cleanup_with(deploy_source_done) struct deploy_source s = {0};
    int r = find_manifest(where, &s, e);

    if (r >= 0)
        r = parse_file(s.file, &s.manifest, e);
    if (r < 0)
        return r;
    *ret = s;
    s = (struct deploy_source){0};
    return 0;
}

int deploy_source_reread(struct deploy_source *s, struct err *e)
{
    struct manifest m = {0};
    int r = parse_file(s->file, &m, e);

    if (r < 0)
        return r;
    manifest_done(&s->manifest);
    s->manifest = m;
    return 0;
}

void deploy_source_done(struct deploy_source *s)
{
    manifest_done(&s->manifest);
    free(s->dir);
    free(s->file);
    *s = (struct deploy_source){0};
}

char *deploy_code_path(const struct deploy_source *s, const struct manifest_function *f)
{
    if (f->code.p[0] == '/')
        return str_dup(f->code);
    if (str_eq(f->code, S(".")))
        return xstrdup(s->dir);
    return xasprintf("%s/%.*s", s->dir, STR_ARG(f->code));
}

/* ---- one function ---- */

void deploy_step_init(struct deploy_step *s, const struct manifest_function *f)
{
    *s = (struct deploy_step){0};
    buf_init(&s->full, 8 << 10);
    buf_init(&s->path, 8 << 10);
    name_print(&f->name, &s->full);
    name_path(&f->name, &s->path);
}

void deploy_step_done(struct deploy_step *s)
{
    buf_done(&s->full);
    buf_done(&s->path);
    json_free(s->record);
    json_free(s->changes);
    json_free(s->urls);
    json_free(s->probe);
    *s = (struct deploy_step){0};
}

static int package(const struct deploy_source *src, const struct manifest_function *f,
                   struct deploy_step *s, struct buf *zip, struct err *e)
{
    cleanup_free char *path = deploy_code_path(src, f);
    int r = pack_path(path, zip, e);

    if (r < 0)
        return r;
    sha256_hex(buf_str(zip), s->sha);
    s->size = zip->n;
    return 0;
}

static int what_is_there(struct client *c, const struct deploy_step *s, struct cJSON **ret,
                         struct err *e)
{
    int r = client_get(c, buf_str(&s->path), STR_NONE, ret, e);

    return r == -ENOENT ? 0 : r;
}

static bool has_code(const struct cJSON *record, const char *sha)
{
    struct str have = STR_NONE;

    (void)json_str(json_get(record, "code"), "sha256", false, &have, NULL);
    return str_eq(have, str_of(sha));
}

static void on_sent(void *user, uint64_t sent, uint64_t total)
{
    progress_bytes(user, sent, total);
}

static void tell_sent(const struct deploy_step *s)
{
    char size[UNITS_TEXT], took[UNITS_TEXT], rate[UNITS_TEXT];

    fprintf(stderr, "%s: %s sent in %s (%s/s)\n", s->full.p, units_bytes(s->size, size),
            units_time(s->sent_ns, took),
            units_bytes((uint64_t)((double)s->size * 1e9 / (double)(s->sent_ns + 1)), rate));
}

static int send(struct client *c, const struct manifest_function *f, struct str zip, bool dry_run,
                struct deploy_step *s, struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf body, answer;
    struct client_request req = {.method = "PUT",
                                 .path = buf_str(&s->path),
                                 .query = dry_run ? S("dry_run=true") : STR_NONE,
                                 .timeout_ms = TIMEOUT_MS,
                                 .watched = true,
                                 .whole = true,
                                 .on_sent = zip.n ? on_sent : NULL};
    struct progress bar;
    uint64_t from = clock_mono_ns();
    int status;

    buf_init(&body, REQUEST_MAX);
    buf_init(&answer, 0);
    manifest_request(f, zip, dry_run ? NULL : s->sha, &body);
    if (!buf_ok(&body))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the package is too large");
    req.body = buf_str(&body);
    req.user = &bar;
    progress_begin(&bar, s->full.p);
    status = client_call(c, &req, &answer, e);
    progress_end(&bar);
    if (status < 0)
        return status;
    if (client_json(&answer, ret, e) < 0)
        return -EPROTO;
    s->sent_ns = zip.n ? clock_mono_ns() - from : 0;
    if (zip.n >= TELL_SENT)
        tell_sent(s);
    s->what = client_header(c, "X-Evoke-Unchanged").n ? DEPLOY_UNCHANGED
              : status == 201                         ? DEPLOY_CREATED
                                                      : DEPLOY_UPDATED;
    return 0;
}

/* Once; takes *before, or asks for it. */
static int try_put(struct client *c, const struct manifest_function *f, struct str zip,
                   bool dry_run, struct cJSON **before, struct deploy_step *s, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *old = TAKE_PTR(*before);
    struct plan_code code = {dry_run ? s->sha : NULL, s->size};
    struct cJSON *record = NULL;
    bool there;
    int r = old ? 0 : what_is_there(c, s, &old, e);

    if (r < 0)
        return r;
    there = has_code(old, s->sha);
    r = send(c, f, dry_run || there ? STR_NONE : zip, dry_run, s, &record, e);
    if (r < 0)
        return r;
    json_free(s->record);
    json_free(s->changes);
    s->record = record;
    s->changes = plan_changes(old, record, &code);
    if (dry_run && s->what == DEPLOY_UPDATED && !s->changes->child)
        s->what = DEPLOY_UNCHANGED;
    return 0;
}

int deploy_put(struct client *c, const struct deploy_source *src, const struct manifest_function *f,
               bool dry_run, struct deploy_step *s, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *before = TAKE_PTR(s->record);
    cleanup_with(buf_done) struct buf zip;
    int r;

    buf_init(&zip, PACKAGE_MAX);
    s->dry_run = dry_run;
    r = package(src, f, s, &zip, e);
    for (int i = 0; r >= 0 && i < TRIES; i++) {
        r = try_put(c, f, buf_str(&zip), dry_run, &before, s, e);
        if (r != -EBUSY)
            break;
        if (i + 1 < TRIES)
            r = 0; /* somebody else was faster: what is there now? */
    }
    if (r >= 0)
        r = deploy_triggers(c, f, s, e);
    return r < 0 ? r : 0;
}

const char *deploy_state(const struct deploy_step *s)
{
    const struct cJSON *state = json_get(s->record, "state");

    return cJSON_IsString(state) ? state->valuestring : "";
}

/* ---- does it load ---- */

int deploy_probe(struct fan *fan, struct deploy_step *s, struct err *e)
{
    struct client_request req = {.method = "POST", .timeout_ms = TIMEOUT_MS};
    cleanup_with(buf_done) struct buf path;
    int r;

    buf_init(&path, 9 << 10);
    buf_addf(&path, "%s/probe", s->path.p);
    req.path = buf_str(&path); /* libcurl copies its URL, the signature is made at once */
    r = fan_start(fan, &req, s, e);
    s->probing = r >= 0;
    s->probed = false;
    s->probe = (json_free(s->probe), NULL);
    return r;
}

void deploy_probe_answer(struct deploy_step *s, const struct fan_answer *a)
{
    s->probing = false;
    s->probed = true;
    s->probe_err = a->err;
    if (a->status >= 0)
        s->probe = json_parse(a->body, &s->probe_err);
}

bool deploy_loads(const struct deploy_step *s)
{
    bool ok = false;

    return s->probe && json_bool(s->probe, "ok", false, &ok, NULL) == 0 && ok;
}
