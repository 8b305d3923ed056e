/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h - the command line: everything but `serve`. */
#ifndef EVOKE_CLI_CLI_H
#define EVOKE_CLI_CLI_H

/* argv as main() got it: argv[1] names the command. Returns the exit code (command.h). */
int cli_main(int argc, char **argv);

#endif
