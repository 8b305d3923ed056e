/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.h - a YAML document (manifest, configuration) as the same tree json.h works on. libyaml. */
#ifndef EVOKE_BASE_YAML_H
#define EVOKE_BASE_YAML_H

#include "base/str.h"

struct cJSON;
struct err;

/*
 * One document: maps, sequences, scalars (core schema: null, booleans, integers, floats, else text;
 * quoted scalars are always text). Aliases, tags and duplicate keys are refused; depth at most 32,
 * text at most 1 MiB. NULL on failure; e says "line L, column C: ...". Free with json_free().
 */
struct cJSON *yaml_parse(struct str text, struct err *e);

#endif
