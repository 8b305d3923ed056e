/* SPDX-License-Identifier: Apache-2.0 */
/* record.h - the last starts of every function, kept beyond its instances; for the files of this
 * room. */
#ifndef EVOKE_POOL_RECORD_H
#define EVOKE_POOL_RECORD_H

struct instance;
struct pool;

void record_ready(const struct instance *in); /* for the first time */
void record_gone(const struct instance *in);  /* noted if that was a failed start */
void record_free_all(struct pool *p);

#endif
