/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/agent/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool become(const struct passwd *entry)
{
	return initgroups(entry->pw_name, entry->pw_gid) == 0 &&
	       setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) == 0 &&
	       setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) == 0;
}

static bool drop_to(const char *user, struct err *err)
{
	const struct passwd *entry;

	errno = 0;
	entry = getpwnam(user);
	if (!entry)
		return err_set(
		    err, "cannot become '%s': %s", user, errno ? strerror(errno) : "no such user");
	if (entry->pw_uid == geteuid())
		return true;
	if (!become(entry))
		return err_set(err, "cannot become '%s': %s", user, strerror(errno));
	/* The proof that there is no way back. */
	if (entry->pw_uid != 0 && setuid(0) == 0)
		return err_set(err, "cannot become '%s': still able to be root", user);
	return true;
}

bool privileges_drop(const char *user, struct err *err)
{
	if (user && *user && !drop_to(user, err))
		return false;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(err, "cannot set no_new_privs: %s", strerror(errno));
	return true;
}
