/* SPDX-License-Identifier: Apache-2.0 */
/* fc_rewrite.h - the rewrite rules of one route of a custom domain (FC), compiled. Pure. */
#ifndef EVOKE_GATEWAY_FC_FC_REWRITE_H
#define EVOKE_GATEWAY_FC_FC_REWRITE_H

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct err;
struct fc_rules; /* opaque; exactly one owner */

enum { FC_RULES = 100, FC_RULE_TEXT = 512 };

/* config: rewriteConfig as the API has it, or NULL. *ret is NULL where it has no rules. 0, or -EINVAL
 * with a sentence that names the rule. */
int fc_rules_new(const struct cJSON *config, struct fc_rules **ret, struct err *e);
struct fc_rules *fc_rules_free(struct fc_rules *r); /* NULL is fine */

/* The path as the function is to see it, with a query if the rule has one, appended to out. False:
 * no rule matches, nothing was appended. path: as sent, without query. */
bool fc_rules_apply(const struct fc_rules *r, struct str path, struct buf *out);

#endif
