/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/notify.h"

bool notify_next_message(struct notify *notify, struct slice *name)
{
	struct slice skipped_name;
	struct typed skipped;

	while (notify_next_arg(notify, &skipped_name, &skipped))
		;
	if (wire_left(&notify->reader) == 0)
		return false;
	*name = wire_read_string(&notify->reader);
	notify->args_left = wire_read_u8(&notify->reader);
	return !notify->reader.failed;
}

bool notify_next_arg(struct notify *notify, struct slice *name, struct typed *value)
{
	if (notify->args_left == 0 || notify->reader.failed)
		return false;
	notify->args_left--;
	*name = wire_read_string(&notify->reader);
	*value = typed_read(&notify->reader);
	return !notify->reader.failed;
}
