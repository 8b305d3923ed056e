/* SPDX-License-Identifier: Apache-2.0 */
/* urn.h - function URNs in every spelling the service accepts. Pure: text in, parts out. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_URN_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_URN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

enum {
    FG_URN_MAX = 269,
    FG_NAME_MAX = 60,
    FG_VERSION_MAX = 42,
    FG_ALIAS_MAX = 63,
    FG_PART_MAX = 64
};

/*
 * urn:fss:<region>:<project>:function:<package>:<name>[:<version> | :!<alias>]
 *
 * Short forms are the tail of the eight segments; a single segment is the name:
 *   name | name:version | package:name:version | function:package:name:version
 * What a short form leaves out is the caller's region and project, package "default" and version
 * "latest".
 */
struct fg_urn { /* borrowed from the text and from the defaults */
    struct str region, project, package, name;
    struct str version; /* "" if alias is set; "latest" when none was given */
    struct str alias;   /* without '!' */
    bool qualified;     /* the text named a version or an alias, be it "latest" */
};

/* 0, or -EINVAL with a sentence in e (ERR_CALLER). */
int fg_urn_parse(struct str text, struct str region, struct str project, struct fg_urn *ret,
                 struct err *e);
/* The eight-segment form. */
void fg_urn_print(const struct fg_urn *u, struct buf *out);

/* The rules of the parts, shared with request bodies. */
bool fg_name_ok(
        struct str s); /* function and package names: 1-60, letter first, no '_', '-' last */
bool fg_project_ok(struct str s);
bool fg_version_ok(struct str s);
bool fg_alias_ok(struct str s);

#endif
