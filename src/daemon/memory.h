/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h - how much of this machine's memory instances may take. */
#ifndef EVOKE_DAEMON_MEMORY_H
#define EVOKE_DAEMON_MEMORY_H

#include <stdint.h>

/* In MiB: 80 % of what is available now; 0 (no bound) where that cannot be found out. */
int64_t memory_share_mb(void);

#endif
