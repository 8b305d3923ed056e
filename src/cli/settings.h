/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h - where the daemon is and which key pair to use: option, environment, file, default.
 */
#ifndef EVOKE_CLI_SETTINGS_H
#define EVOKE_CLI_SETTINGS_H

#include "base/str.h"

struct common;
struct err;

struct settings {
    char *endpoint, *access_key, *secret_key; /* owned */
};

int settings_load(const struct common *common, struct settings *ret, struct err *e);
void settings_done(struct settings *s); /* wipes the secret */

/* The root key pair in the text of a keys.json; -ENOENT when it holds none. Owned copies. */
int settings_root_key(struct str json, char **ret_access, char **ret_secret, struct err *e);

#endif
