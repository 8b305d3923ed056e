/* SPDX-License-Identifier: Apache-2.0 */
/* trigger_fields.h - the triggerConfig of types that wait for their source. */
#ifndef EVOKE_DIALECT_FC_API_TRIGGER_FIELDS_H
#define EVOKE_DIALECT_FC_API_TRIGGER_FIELDS_H

struct cJSON;
struct err;

/* -EINVAL with a sentence that names the field. A type without fields: 0. */
int fc_config_check(const char *type, const struct cJSON *config, struct err *e);
/* "filter.key.prefix", keys without case; NULL: absent, or null. */
const struct cJSON *fc_config_at(const struct cJSON *config, const char *path);

#endif
