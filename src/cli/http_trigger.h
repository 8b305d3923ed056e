/* SPDX-License-Identifier: Apache-2.0 */
/* http_trigger.h - triggers that are HTTP, as evoke.yaml and `evoke trigger` say them. */
#ifndef EVOKE_CLI_HTTP_TRIGGER_H
#define EVOKE_CLI_HTTP_TRIGGER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct err;

/* The source of a cloud's HTTP triggers: "apig" of functiongraph, "apigw" of scf, "http" of fc.
 * NULL: it has none. */
const char *http_source_of(struct str dialect);
bool http_is_source(const char *word);

/* Has it such a key? */
bool http_takes(const char *source, const char *key);
/* words: {"path": "/page", "timeout": 10, ...}. Is this their form? where: "functions.a.triggers.b.apigw".
 * -EINVAL names the key. */
int http_check(const char *where, const char *source, const struct cJSON *words, struct err *e);
/* The trigger's config for the admin API, as members of config. words: checked. */
void http_config(const struct cJSON *words, struct cJSON *config);

/* "GET /page of SCF_API_SERVICE, auth secret": of a trigger as the admin API shows or takes it. */
void http_show(const struct cJSON *trigger, struct buf *out);
/* Where it is called, "http://...", of one that the daemon has told; nothing where it has not.
 * endpoint: the daemon's, "http://127.0.0.1:8900". */
void http_url(const struct cJSON *trigger, struct str endpoint, struct buf *out);

#endif
