/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fn.h - a function as plain data. Immutable once shared: a change is a new record with the next
 * revision, so whoever holds a reference keeps seeing what it started with.
 */
#ifndef EVOKE_FN_FN_H
#define EVOKE_FN_FN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/crypto.h"
#include "base/str.h"
#include "fn/key.h"

struct cJSON;
struct err;
struct fn_async;

struct fn_var { /* one environment variable or user-data entry */
    char *name, *value;
};

struct fn_code {
    char sha[SHA256_HEX]; /* of the stored zip: names blob and code directory; "" = no code yet */
    uint64_t size;        /* bytes of the package as the user sent it */
    char digest[SHA512_HEX]; /* the dialect's own checksum text: sha512 hex, CRC-64 decimal */
    char *kind;              /* the dialect's code_type: "inline", "zip" */
    char *filename;          /* "index.py", "index.zip", or NULL */
};

struct fn_layer { /* a package beside its own, mounted read-only (docs/manifest.md) */
    char *ref;    /* the dialect's own words: an ARN, "name:3", id of a dependency version */
    char sha[SHA256_HEX]; /* of the stored zip */
    uint64_t size;
};
enum { FN_LAYERS = 20 };

/* What a function may reach over the network (docs/sandbox.md). */
enum fn_network {
    FN_NETWORK_DEFAULT,  /* egress where it can be enforced, else endpoint */
    FN_NETWORK_NONE,     /* its own loopback */
    FN_NETWORK_ENDPOINT, /* and our own cloud endpoints */
    FN_NETWORK_EGRESS,   /* and the world, but neither other instances nor the host */
    FN_NETWORKS,
};
extern const char *const fn_network_names[FN_NETWORKS]; /* "default", "none", ... */

struct fn {
    uint32_t refs; /* loop thread only */

    enum dialect dialect;
    char *account, *region, *space, *name;
    char *version;        /* "latest"; of a frozen version its name (catalog/versions.h) */
    char *version_note;   /* what was said when it was published; NULL: nothing */
    int64_t published_ms; /* 0: it is no frozen version */

    char *runtime; /* the dialect's own name, "Python3.9" */
    char *handler;
    char *initializer; /* NULL: none */
    char *description; /* never NULL */
    uint32_t timeout_ms, init_timeout_ms;
    uint32_t memory_mb;
    uint32_t max_instances;        /* at once */
    uint32_t instance_concurrency; /* invocations per instance at once */
    struct fn_var *vars;
    uint32_t nvars;
    struct fn_code code;
    struct fn_layer *layers; /* in the order they are unpacked: later ones overwrite earlier ones */
    uint32_t nlayers;

    uint32_t reserved;   /* instances kept ready whether asked for or not; <= max_instances */
    uint32_t network;    /* enum fn_network */
    uint32_t cpu_strict; /* 1: the cloud's CPU quota holds; 0: CPU is a weight */
    uint32_t tmp_mb;     /* size of /tmp */
    char *role;          /* agency or role that the function runs as; NULL: none */
    char *pre_stop;      /* handler called before an instance ends; NULL: none */
    char *pre_freeze;    /* handler called before an idle instance is frozen; NULL: none */
    uint32_t pre_stop_timeout_ms, pre_freeze_timeout_ms;
    char *tracing; /* each of its runs is traced: the access key that asked for it; NULL: as the
                      installation says */
    struct fn_async
            *async; /* rules for its asynchronous events (fn/async.h); NULL: the dialect's */

    char *extra; /* JSON object text: fields of the dialect that we only keep and give back. never
                    NULL */
    int64_t created_ms, modified_ms;
    uint64_t revision; /* of the store; 0 while it is a draft */
};

struct fn *fn_new(const struct fn_key *key); /* a draft with defaults, one reference */
struct fn *fn_copy(const struct fn *f);      /* a draft with the same contents, revision kept */
const struct fn *fn_ref(const struct fn *f);
void fn_unref(const struct fn *f);
void fn_unrefp(const struct fn **f); /* for cleanup_with() */

struct fn_key fn_key_of(const struct fn *f); /* borrowed from f */

void fn_set(char **field, struct str value); /* own a copy; STR_NONE makes it NULL ("none") */
void fn_set_vars_done(struct fn *f);         /* forget all vars */
void fn_add_var(struct fn *f, struct str name, struct str value); /* a known name: replaced */
const char *fn_var(const struct fn *f, const char *name);         /* or NULL */

void fn_set_layers_done(struct fn *f); /* forget all layers */
void fn_add_layer(struct fn *f, struct str ref, const char *sha, uint64_t size);
/* Names the union of its layers: sha256 over their shas in order; "" if it has none. */
const char *fn_layers_key(const struct fn *f, char out[SHA256_HEX]);

/* Stored form: JSON. Decoding refuses what encoding cannot have written (-EINVAL). */
void fn_encode(const struct fn *f, struct buf *out);
int fn_decode(struct str json, uint64_t revision, struct fn **ret, struct err *e);

#endif
