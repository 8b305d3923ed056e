/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - the command line: everything but `serve`. */
#ifndef EVOKE_CLI_CLI_H
#define EVOKE_CLI_CLI_H

/* argv as main() got it: argv[1] names the command. Returns the exit code (design: 0 ok, 1 function
 * error, 2 usage, 3 not found, 4 auth, 5 limit, 6 timeout, 7 daemon unreachable, 70 internal, 130
 * interrupt). */
int cli_main(int argc, char **argv);

#endif
