/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h - the program's own API, for the command line and the console: every function, whatever
 * its dialect. */
#ifndef EVOKE_ADMIN_ADMIN_H
#define EVOKE_ADMIN_ADMIN_H

struct api_set;

extern const struct api_set admin_api;   /* prefix "/evoke/v1/" */
extern const struct api_set metrics_api; /* "/metrics" */

#endif
