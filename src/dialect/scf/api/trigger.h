/* SPDX-License-Identifier: Apache-2.0 */
/* trigger.h - triggers in SCF's words. */
#ifndef EVOKE_DIALECT_SCF_TRIGGER_H
#define EVOKE_DIALECT_SCF_TRIGGER_H

#include "base/str.h"

struct call;
struct catalog;
struct cJSON;
struct fn_key;
struct jw;
struct scf_error;
struct trigger;

/* The list of a function's triggers; of a qualifier, or with an empty one of all. */
void scf_put_triggers(struct jw *w, const struct call *c, const struct fn_key *key,
                      struct str qualifier);
void scf_put_trigger(struct jw *w, const struct call *c, const struct trigger *t);

/* trigger_desc.c: config and extra of a draft from TriggerDesc (absent in an update: as it was), and back. */
struct str scf_trigger_source(struct str type); /* "" : no such type */
struct str scf_trigger_type(struct str source);
int scf_trigger_fill(const struct catalog *c, const struct cJSON *p, struct trigger *draft,
                     struct scf_error *x);
/* TriggerDesc as JSON text, which is itself a text of the answer. host: of the request. */
void scf_trigger_put_desc(struct jw *w, const struct catalog *c, struct str host,
                          const struct trigger *t);

#endif
