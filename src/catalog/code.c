/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code.c - code packages, on the worker pool.
 *
 * A package is stored twice: the zip as it was sent is a blob, which is the truth, and the unpacked
 * directory <code_dir>/<sha256> is a cache that can be made again from it at any time. Storing goes
 * from the doubtful to the sure: unpack (which checks everything), then the blob, on disk, and only
 * then does the caller write the record that names it. A crash between two steps leaves something
 * nobody names, which gc collects, and never a name without its blob.
 *
 * A function with layers has a third thing: their union (union.c), made of their unpacked
 * directories and just as derived.
 *
 * A job touches nothing of the catalog on its pool thread but blobs and code_dir, which do not
 * change while it runs: catalog_free() waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/obj.h"
#include "catalog/internal.h"
#include "catalog/layers.h"
#include "catalog/package.h"
#include "catalog/union.h"
#include "loop/loop.h"
#include "store/blob.h"

enum { CODE_MAGIC = 0x636f6465 };

/* For what has been taken in already: its limits were checked then. */
static const struct package_limits taken_limits = {
        .packed_bytes = 4ull << 30,
        .unpacked_bytes = 64ull << 30,
        .files = 10 * 1000 * 1000,
};

struct code_job {
    uint32_t magic;
    struct catalog *c;
    struct buf zip;  /* owned */
    struct str view; /* borrowed instead of it; STR_NONE */
    struct package_limits limits;
    char sha[SHA256_HEX];
    char (*layers)[SHA256_HEX]; /* owned */
    uint32_t nlayers;
    char directory[LAYERS_DIRECTORY]; /* of their union */
    uint64_t most;                    /* bytes of all of it; 0: any */
    int r;
    struct err err;
    union {
        catalog_code_fn *put;
        catalog_zip_fn *get;
        catalog_ready_fn *ready;
    } fn;
    void *user;
};

static struct code_job *code_job_new(struct catalog *c, const char *sha, void *user)
{
    struct code_job *job = xnew(struct code_job);

    job->magic = CODE_MAGIC;
    job->c = c;
    job->user = user;
    job->limits = taken_limits;
    buf_init(&job->zip, taken_limits.packed_bytes);
    if (sha && strlen(sha) < sizeof(job->sha))
        memcpy(job->sha, sha, strlen(sha) + 1);
    catalog_began(c);
    return job;
}

static void end(struct code_job *job)
{
    catalog_ended(job->c);
    buf_done(&job->zip);
    free(job->layers);
    job->magic = 0;
    free(job);
}

static void work_put(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);
    struct str zip = job->view.p ? job->view : buf_str(&job->zip);
    char sha[SHA256_HEX];

    if (zip.n > job->limits.packed_bytes) { /* before its digest is worth anything */
        job->r = err_set(&job->err, ERR_LIMIT, -EFBIG, "the package is larger than %llu bytes",
                         (unsigned long long)job->limits.packed_bytes);
        return;
    }
    sha256_hex(zip, job->sha);
    job->r = package_unpack(zip, &job->limits, job->c->code_dir, job->sha, &job->err);
    if (job->r == 0)
        job->r = blob_put(job->c->blobs, zip, sha, &job->err);
}

static void done_put(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);

    job->fn.put(job->user, job->r, job->r == 0 ? job->sha : NULL, &job->err);
    end(job);
}

void catalog_put_code(struct catalog *c, struct buf *zip, const struct package_limits *limits,
                      catalog_code_fn *fn, void *user)
{
    struct code_job *job = code_job_new(c, NULL, user);

    buf_done(&job->zip);
    buf_move(&job->zip, zip);
    job->limits = *limits;
    job->fn.put = fn;
    loop_work(c->loop, work_put, done_put, job);
}

void catalog_put_code_of(struct catalog *c, struct str zip, const struct package_limits *limits,
                         catalog_code_fn *fn, void *user)
{
    struct code_job *job = code_job_new(c, NULL, user);

    job->view = zip.p ? zip : S("");
    job->limits = *limits;
    job->fn.put = fn;
    loop_work(c->loop, work_put, done_put, job);
}

static void work_get(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);

    job->r = blob_get(job->c->blobs, job->sha, &job->zip, &job->err);
}

static void done_get(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);

    job->fn.get(job->user, job->r, job->r == 0 ? buf_str(&job->zip) : STR_NONE);
    end(job);
}

void catalog_get_code(struct catalog *c, const char *sha, catalog_zip_fn *fn, void *user)
{
    struct code_job *job = code_job_new(c, sha, user);

    job->fn.get = fn;
    loop_work(c->loop, work_get, done_get, job);
}

static int ready_package(struct code_job *job, const char *sha)
{
    struct stat st;
    int r;

    if (!is_hex(str_of(sha), SHA256_HEX - 1))
        return err_set(&job->err, ERR_CALLER, -ENOENT, "the function has no code");
    if (fstatat(job->c->code_dir, sha, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;

    buf_reset(&job->zip);
    r = blob_get(job->c->blobs, sha, &job->zip, &job->err);
    if (r == 0)
        r = package_unpack(buf_str(&job->zip), &job->limits, job->c->code_dir, sha, &job->err);
    return r < 0 ? err_wrap(&job->err, r, "make the code directory again") : 0;
}

const char *layers_directory(const char *key, char out[LAYERS_DIRECTORY])
{
    (void)snprintf(out, LAYERS_DIRECTORY, "u-%s", key);
    return out;
}

/* A function that is being written asks with a limit: what it will name must be young until then. */
static int ready_union(struct code_job *job)
{
    uint64_t bytes = 0;
    int r = union_make(job->c->code_dir, (const char(*)[SHA256_HEX])job->layers, job->nlayers,
                       job->directory, job->most > 0, &job->err);

    if (r < 0 || job->most == 0)
        return r;
    r = union_measure(job->c->code_dir, job->directory, &bytes);
    if (r == 0)
        r = union_measure(job->c->code_dir, job->sha, &bytes);
    if (r < 0)
        return err_set(&job->err, ERR_HOST, r, "measure the layers: %s", strerror(-r));
    if (bytes > job->most)
        return err_set(&job->err, ERR_LIMIT, -EFBIG,
                       "the code and its layers unpack to %llu bytes, the limit is %llu",
                       (unsigned long long)bytes, (unsigned long long)job->most);
    return 0;
}

static void work_ready(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);

    for (uint32_t i = 0; job->r == 0 && i <= job->nlayers; i++)
        job->r = ready_package(job, i == 0 ? job->sha : job->layers[i - 1]);
    if (job->r == 0 && job->nlayers > 0)
        job->r = ready_union(job);
}

static void done_ready(void *user)
{
    struct code_job *job = OBJ(user, struct code_job, CODE_MAGIC);

    job->fn.ready(job->user, job->r, &job->err);
    end(job);
}

void catalog_ready_code(struct catalog *c, const char *sha, catalog_ready_fn *fn, void *user)
{
    struct code_job *job = code_job_new(c, sha, user);

    job->fn.ready = fn;
    loop_work(c->loop, work_ready, done_ready, job);
}

void catalog_ready_layers(struct catalog *c, const struct fn *f, uint64_t most,
                          catalog_ready_fn *fn, void *user)
{
    struct code_job *job = code_job_new(c, f->code.sha, user);
    char key[SHA256_HEX];

    job->fn.ready = fn;
    job->most = most;
    job->nlayers = f->nlayers;
    job->layers = xcalloc(f->nlayers + 1, SHA256_HEX);
    for (uint32_t i = 0; i < f->nlayers; i++)
        memcpy(job->layers[i], f->layers[i].sha, SHA256_HEX);
    layers_directory(fn_layers_key(f, key), job->directory);
    loop_work(c->loop, work_ready, done_ready, job);
}
