/* SPDX-License-Identifier: Apache-2.0 */
#include "aws/aws_profile.h"

#include "aws/ini.h"
#include "common/file.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *aws_profile_default(void)
{
	const char *name = getenv("AWS_PROFILE");
	return name && *name ? name : "default";
}

static bool choose_path(const char *variable, const char *name, char *out, struct err *err)
{
	const char *given = getenv(variable), *home = getenv("HOME");
	int len;
	if (given && *given)
		len = snprintf(out, AWS_PATH_MAX, "%s", given);
	else
		len = home ? snprintf(out, AWS_PATH_MAX, "%s/.aws/%s", home, name) : 0;
	out[len > 0 ? AWS_PATH_MAX - 1 : 0] = '\0';
	if (len >= AWS_PATH_MAX)
		return err_set(
		    err, "%s: the path is longer than %d bytes", variable, AWS_PATH_MAX - 1);
	return true;
}

/* Room is reserved first, so that growing leaves no copies of keys behind. */
static bool load(const char *path, struct buf *out, struct err *err)
{
	if (path[0] == '\0' || (access(path, F_OK) != 0 && errno == ENOENT))
		return true;
	buf_reserve(out, 64 * 1024);
	return file_read(path, INI_FILE_MAX_BYTES, out, err) &&
	       ini_check(buf_slice(out), path, err);
}

bool aws_profile_files_load(struct aws_profile_files *files, struct err *err)
{
	buf_init(&files->credentials, INI_FILE_MAX_BYTES);
	buf_init(&files->config, INI_FILE_MAX_BYTES);
	return choose_path(
	           "AWS_SHARED_CREDENTIALS_FILE", "credentials", files->credentials_path, err) &&
	       choose_path("AWS_CONFIG_FILE", "config", files->config_path, err) &&
	       load(files->credentials_path, &files->credentials, err) &&
	       load(files->config_path, &files->config, err);
}

static void wipe(struct buf *buf)
{
	OPENSSL_cleanse(buf->data, buf->cap);
	buf_release(buf);
}

void aws_profile_files_release(struct aws_profile_files *files)
{
	wipe(&files->credentials);
	wipe(&files->config);
}

/* The config file says [profile NAME], and for the default one [default] as well. */
static struct slice config_section(const char *profile, char out[AWS_PATH_MAX])
{
	int len = snprintf(out, AWS_PATH_MAX, "profile %s", profile);
	return slice_of(out, len > 0 && len < AWS_PATH_MAX ? (size_t)len : 0);
}

bool aws_profile_exists(const struct aws_profile_files *files, const char *profile)
{
	char text[AWS_PATH_MAX];
	struct slice name = slice_of_cstr(profile);
	struct slice config = buf_slice(&files->config);
	return ini_has_section(buf_slice(&files->credentials), name) ||
	       ini_has_section(config, config_section(profile, text)) ||
	       (slice_eq(name, SLICE("default")) && ini_has_section(config, name));
}

bool aws_profile_in_credentials(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out)
{
	return ini_find(buf_slice(&files->credentials), slice_of_cstr(profile), setting, out);
}

bool aws_profile_in_config(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out)
{
	char text[AWS_PATH_MAX];
	struct slice config = buf_slice(&files->config);
	if (ini_find(config, config_section(profile, text), setting, out))
		return true;
	return strcmp(profile, "default") == 0 && ini_find(config, SLICE("default"), setting, out);
}

bool aws_profile_find(const struct aws_profile_files *files, const char *profile,
    const char *setting, struct slice *out)
{
	return aws_profile_in_credentials(files, profile, setting, out) ||
	       aws_profile_in_config(files, profile, setting, out);
}

bool aws_profile_setting(const char *profile, const char *setting, char *out, size_t size)
{
	struct aws_profile_files files;
	struct slice value;
	bool found = aws_profile_files_load(&files, NULL) &&
	             aws_profile_find(&files, profile, setting, &value) && value.len < size &&
	             value.len > 0;
	if (found) {
		memcpy(out, value.ptr, value.len);
		out[value.len] = '\0';
	}
	aws_profile_files_release(&files);
	return found;
}
