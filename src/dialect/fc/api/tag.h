/* SPDX-License-Identifier: Apache-2.0 */
/* tag.h - tags of services. */
#ifndef EVOKE_DIALECT_FC_API_TAG_H
#define EVOKE_DIALECT_FC_API_TAG_H

#include <stdbool.h>

struct call;
struct space;

/* Does it have every tag that the query asks for as tag_<key>=<value>? */
bool fc_tags_match(struct call *c, const struct space *s);

void fc_tag_put(struct call *c);
void fc_tag_get(struct call *c);
void fc_tag_remove(struct call *c);
void fc_tag_list(struct call *c);

#endif
