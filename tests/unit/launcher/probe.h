/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h - the probe as a function, for programs that become it. */
#ifndef EVOKE_TESTS_LAUNCHER_PROBE_H
#define EVOKE_TESTS_LAUNCHER_PROBE_H

#include <stdbool.h>

/* Answer commands on descriptor 3 until it is closed; greet: say "ready" first. */
int probe_serve(bool greet);

#endif
