/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - JSON for the control plane: a tree (cJSON), typed getters that explain themselves, a
 * writer without a tree, and a strict scan for payloads that stay bytes. RFC 8259. */
#ifndef EVOKE_BASE_JSON_H
#define EVOKE_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct err;

/* Strict: passes json_valid() first. NULL on failure; e names line and column. Free: json_free. */
struct cJSON *json_parse(struct str text, struct err *e);
void json_free(struct cJSON *tree);
void json_freep(struct cJSON **tree); /* for cleanup_with() */

/* True for exactly one well-formed value (UTF-8 checked, depth at most 128) with white space
 * around. Builds no tree. On false ret_offset (may be NULL) is the byte where it went wrong. */
bool json_valid(struct str text, size_t *ret_offset);

const struct cJSON *json_get(const struct cJSON *obj,
                             const char *key); /* exact; NULL if absent or null */
const struct cJSON *json_geti(const struct cJSON *obj, const char *key); /* ASCII case ignored */

/*
 * Typed getters: 0 and *ret filled; 0 and *ret untouched when the key is absent or null; -EINVAL
 * with e (ERR_CALLER, names the key and what was expected) on a wrong type or range. Views are
 * borrowed from the tree. `nocase` looks the key up with json_geti.
 */
int json_str(const struct cJSON *obj, const char *key, bool nocase, struct str *ret, struct err *e);
int json_int(const struct cJSON *obj, const char *key, bool nocase, int64_t min, int64_t max,
             int64_t *ret, struct err *e);
int json_bool(const struct cJSON *obj, const char *key, bool nocase, bool *ret, struct err *e);

/* The first member of an object whose name is none of these; NULL: there is none. */
const struct cJSON *json_stranger(const struct cJSON *obj, const char *const *known, size_t n);

/* Compact text of a tree. */
void json_print(const struct cJSON *tree, struct buf *out);

/* Writer: commas and escapes are its business, balance is the caller's (asserted). */
struct jw {
    struct buf *out; /* borrowed */
    uint32_t depth;
    bool first; /* nothing written yet at this depth */
    bool after_key;
};

void jw_init(struct jw *w, struct buf *out);
void jw_obj(struct jw *w);     /* { */
void jw_obj_end(struct jw *w); /* } */
void jw_arr(struct jw *w);
void jw_arr_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_name(struct jw *w, struct str name); /* a key that is any text */
void jw_str(struct jw *w, struct str s);     /* bytes that are not UTF-8 become U+FFFD */
void jw_int(struct jw *w, int64_t v);
void jw_fix(struct jw *w, uint64_t v, unsigned decimals); /* as buf_addfix(), trailing zeros cut */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str json); /* trusted JSON text */
/* key and value in one call */
void jw_kstr(struct jw *w, const char *key, struct str s);
void jw_kstrz(struct jw *w, const char *key, const char *s); /* NULL writes "" */
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kbool(struct jw *w, const char *key, bool v);
/* The quoted, escaped form alone. */
void json_quote(struct buf *out, struct str s);

#endif
