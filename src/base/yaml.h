/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - a YAML document (manifest, configuration) as the same tree json.h works on. libyaml. */
#ifndef EVOKE_BASE_YAML_H
#define EVOKE_BASE_YAML_H

#include <stddef.h>

#include "base/str.h"

struct cJSON;
struct err;

/*
 * One document: maps, sequences, scalars (core schema: null, booleans, integers, floats, else text;
 * quoted scalars are always text). Aliases, tags and duplicate keys are refused; depth at most 32,
 * text at most 1 MiB. NULL on failure; e says "line L, column C: ...". Free with json_free().
 */
struct cJSON *yaml_parse(struct str text, struct err *e);

/* Where a key of the outermost map stands, for who wants to name every fault and not only the
 * first. */
struct yaml_key {
    const struct cJSON *value; /* borrowed from the tree; ->string is the key */
    size_t line;               /* from 1 */
    size_t first_line;         /* it is given a second time: where the first one stands; else 0 */
};
struct yaml_keys {
    struct yaml_key *list; /* owned */
    size_t n;
};
/* The same, and the keys in the order of the text. A key given twice in the outermost map is no
 * failure here: both are in the tree. */
struct cJSON *yaml_parse_keys(struct str text, struct yaml_keys *ret, struct err *e);
void yaml_keys_done(struct yaml_keys *k);

/* The line (from 1) on which the key of this path stands in a text that was parsed: {"groups",
 * "shop", "apis"}. Where the path goes on but the text does not: the last that is there; 0: none. */
size_t yaml_line(struct str text, const char *const *path, size_t n);

#endif
