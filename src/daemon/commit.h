/* SPDX-License-Identifier: Apache-2.0 */
/* commit.h - which source this was built from. */
#ifndef EVOKE_DAEMON_COMMIT_H
#define EVOKE_DAEMON_COMMIT_H

extern const char build_commit[]; /* abbreviated; "" where git did not know */

#endif
