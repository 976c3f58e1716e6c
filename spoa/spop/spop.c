/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/spop/spop.h"

const char *spop_status_text(unsigned status)
{
	switch (status) {
#define STATUS(name, code, text)                                                                   \
	case code:                                                                                 \
		return text;
#include "spoa/spop/spop.def"
#undef STATUS
	default:
		return "unknown status";
	}
}
