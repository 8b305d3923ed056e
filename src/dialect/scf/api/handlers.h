/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - the handlers of SCF's actions (ops.c), by the file they are in. */
#ifndef EVOKE_DIALECT_SCF_HANDLERS_H
#define EVOKE_DIALECT_SCF_HANDLERS_H

struct call;

void scf_get_account(struct call *c); /* account.c */

#endif
