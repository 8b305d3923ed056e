/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.h - the gateway's objects from the side of who writes them: lists of the daemon, a file of
 * wishes (docs/gateway.md), and the way from the one to the other. */
#ifndef EVOKE_CLI_GATEWAY_H
#define EVOKE_CLI_GATEWAY_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "cli/command.h"

struct cJSON;
struct client;
struct err;

#define GATEWAY_RELEASE_ENV "DEFAULT_ENVIRONMENT_RELEASE_ID"

/* ---- gateway.c: what is there ---- */

/* All objects of a kind; query is encoded, may be empty. An array, owned. */
int gateway_list(struct client *c, const char *kind, struct str query, struct cJSON **ret,
                 struct err *e);
/* "/evoke/v1/gateway/<kind>[/<id>[/<verb>]]" */
void gateway_path(const char *kind, struct str id, const char *verb, struct buf *out);
/* A request with a JSON body, or none, and a JSON answer (ret NULL: none is wanted). The status. */
int gateway_send(struct client *c, const char *method, struct str path, struct str query,
                 struct str body, struct cJSON **ret, struct err *e);
/* The one object of the kind that a word means: its id, its name, or "group/name" for what belongs
 * to a group. all: an array, owned; *ret lies in it. -ENOENT; -EINVAL: several. */
int gateway_find(struct client *c, const char *kind, const char *word, struct cJSON **all,
                 const struct cJSON **ret, struct err *e);
/* The object of that id in a list of them, or NULL. */
const struct cJSON *gateway_by_id(const struct cJSON *list, struct str id);
/* Name of an environment by its id. envs: gateway_list() of "env". "" where there is none. */
struct str gateway_env_name(const struct cJSON *envs, struct str id);
/* A member of the object's body: text, or "". */
struct str gateway_text(const struct cJSON *object, const char *key);

/* ---- gateway_file.c: what is wanted ---- */

/*
 * A file as a list of objects in the order in which they can be made:
 * {"kind","name","group","path":["groups","shop"],"body":{...}}, and for APIs also "stages":[...].
 * Where a body names another object it says "@kind:name", or "@kind:group/name". -EINVAL says line
 * and key. tree: the list's owner; owned.
 */
struct gateway_file {
    struct cJSON *wanted; /* owned */
    struct str dialect, account, region;
    struct cJSON *tree; /* owned: the texts above lie in it */
};
int gateway_file_parse(struct str text, struct gateway_file *ret, struct err *e);
void gateway_file_done(struct gateway_file *f);
/* e, in front of it the line and the path of that wish. */
int gateway_file_wrong(struct str text, const struct cJSON *wish, struct err *e, int r);

/* ---- gateway_apply.c ---- */

struct gateway_apply {
    struct client *client; /* borrowed */
    struct str text;       /* of the file, for errors */
    bool dry_run, prune;
    struct cJSON *done; /* owned: [{"action","kind","name"}] */
    size_t same;        /* objects that were so already */
};
int gateway_apply(struct gateway_apply *a, const struct gateway_file *file, struct err *e);

#endif
