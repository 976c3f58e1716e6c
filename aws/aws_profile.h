/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * aws_profile: the settings of profiles in the shared files, ~/.aws/credentials and ~/.aws/config,
 * or where AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE point.
 */
#include "common/buf.h"
#include "common/err.h"

enum { AWS_PATH_MAX = 1024 };

struct aws_profile_files {
	char credentials_path[AWS_PATH_MAX];
	char config_path[AWS_PATH_MAX];
	struct buf credentials; /* empty when there is no such file */
	struct buf config;
};

/* False with err set: unreadable, too long, or a line that is none. Absent files are no error. */
bool aws_profile_files_load(struct aws_profile_files *files, struct err *err);
/* Wipes them too. */
void aws_profile_files_release(struct aws_profile_files *files);

/* AWS_PROFILE, else "default". */
const char *aws_profile_default(void);

bool aws_profile_exists(const struct aws_profile_files *files, const char *profile);
/* Settings of [NAME] in the credentials file, of [profile NAME] (or [default]) in the config file.
 */
bool aws_profile_in_credentials(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out);
bool aws_profile_in_config(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out);
/* In either; the credentials file goes first. */
bool aws_profile_find(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out);

/* One setting of a profile, NUL-terminated: false when it is not there, too long, or the files are
 * unreadable. */
bool aws_profile_setting(const char *profile, const char *setting, char *out, size_t size);
