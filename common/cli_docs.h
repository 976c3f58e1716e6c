/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* cli_docs: help, man page and shell completion from the tables of cli.h. */
#include "common/cli.h"

#include <stdio.h>

/* Of one command, or of the program when `command` is NULL. */
void cli_print_help(
    const struct cli_program *program, const struct cli_command *command, FILE *out);
/* Section 1, in man(7) macros. */
void cli_print_man(const struct cli_program *program, FILE *out);
/* "bash", "zsh" or "fish"; false and a line on stderr for anything else. */
bool cli_print_completion(const struct cli_program *program, const char *shell, FILE *out);
