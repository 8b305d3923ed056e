/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - triggers between the cloud's words and the record, for both API versions.
 *
 * http and timer have a source here. The others (oss, log, mns_topic, ...) are checked as the cloud
 * does, kept, shown and wait for their source: record.source is the type's name, record.config "{}"
 * and the form that was sent stands in record.extra.
 */
#ifndef EVOKE_DIALECT_FC_API_TRIGGER_H
#define EVOKE_DIALECT_FC_API_TRIGGER_H

#include <stdbool.h>

#include "base/str.h"
#include "dialect/fc/api/object.h"

struct cJSON;
struct catalog;
struct err;
struct jw;
struct trigger;

/* A name of triggerType as it is kept in record.source; NULL: there is none. */
const char *fc_trigger_type(struct str name);

/* The request's triggerType, sourceArn, invocationRole, description, triggerConfig (an object, or its
 * text) into a draft; its name and qualifier are the caller's. A change leaves what it does not name, in
 * triggerConfig key by key. -EINVAL with a sentence. */
int fc_trigger_fill(const struct cJSON *body, struct trigger *draft, bool is_new, struct err *e);
/* May it be beside those that are there? One HTTP trigger per version or alias and, where it is to be
 * alone (2016-08-15), nothing else with it; rules of one bucket must not overlap. -EINVAL with a sentence. */
int fc_trigger_clash(const struct catalog *c, const struct trigger *draft, bool alone,
                     struct err *e);

/* triggerConfig as an object. */
void fc_trigger_put_config(struct jw *w, const struct trigger *t);
/* A text of what is kept: "sourceArn", "invocationRole", "description"; empty: none. */
char *fc_trigger_text(const struct trigger *t, const char *key); /* owned */
const char *fc_trigger_etag(const struct trigger *t, char room[FC_ETAG_TEXT]);

#endif
