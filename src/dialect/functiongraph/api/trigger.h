/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.h - the types of triggers, one row each: which source serves it, how its event_data is read
 * and shown, which codes its refusals have. For trigger*.c.
 */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_TRIGGER_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_TRIGGER_H

#include "dialect/functiongraph/api/fg.h"
#include "fn/trigger.h"

enum fg_field_kind { FG_TEXT, FG_NUMBER, FG_SWITCH, FG_TEXTS };

struct fg_trigger_field {
    const char *name;
    enum fg_field_kind kind;
    bool must, secret;         /* a secret is checked and kept nowhere */
    int64_t min, max;          /* of a number; characters of a text; members of a list */
    const char *const *values; /* the only ones; ends with NULL; NULL: any */
};

struct fg_trigger_type {
    const char *code;   /* "TIMER" */
    const char *source; /* of struct trigger; one that nobody serves yet waits for its source */
    const char *name;   /* "Timer" */
    bool off;           /* DISABLED unless said */
    bool always;        /* it cannot be disabled */
    const char *wrong, *exists, *missing; /* codes: 400, 409, 404 */
    const char *identity; /* two of a function may not agree in this field; NULL: they may */
    uint32_t most;        /* in a project; 0: as many as functions have */
    const struct fg_trigger_field *fields;
    uint32_t nfields;
    /* event_data into draft, over what is there on an update. -EINVAL with x. NULL: by the fields. */
    int (*parse)(struct call *c, const struct fg_trigger_type *type, const struct cJSON *data,
                 bool update, struct trigger *draft, struct fg_error *x);
    void (*put)(struct jw *w, struct call *c, const struct trigger *t); /* NULL: likewise */
};

extern const struct fg_trigger_type fg_trigger_types[];
extern const size_t fg_trigger_types_n;
const struct fg_trigger_type *fg_trigger_type(struct str code);            /* or NULL */
const struct fg_trigger_type *fg_trigger_type_of(const struct trigger *t); /* or NULL */

/* trigger_fields.c: event_data by the type's fields, kept in draft->extra; and shown again. */
int fg_parse_fields_of(const struct fg_trigger_type *type, const struct cJSON *data, bool update,
                       struct trigger *draft, struct fg_error *x);
void fg_put_fields_of(struct jw *w, const struct trigger *t, const char *more_key,
                      struct str more); /* more: a JSON value under that key; NULL: nothing */
/* What would stand twice: another trigger of the project for the same objects (OBS). */
int fg_check_overlap(struct call *c, const struct trigger *draft, struct fg_error *x);

/* trigger_apig.c: APIG, APIC, DEDICATEDGATEWAY: an API of our gateway (gateway/model/binding.h). */
int fg_parse_apig(struct call *c, const struct fg_trigger_type *type, const struct cJSON *data,
                  bool update, struct trigger *draft, struct fg_error *x);
void fg_put_apig(struct jw *w, struct call *c, const struct trigger *t);

#endif
