/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* haproxy_version: the one place that knows how HAProxy's versions differ. */
#include "common/err.h"

struct haproxy_version {
	unsigned major, minor;
};

enum haproxy_feature {
	FEATURE_STICK_COUNTERS,   /* tune.stick-counters: more than three tracked tables */
	FEATURE_EARLY_ERRORFILES, /* errorfile 400 and 408 are used for requests that cannot be
	                             parsed */
	FEATURE_PAUSE,            /* http-request pause; SPOE connections are shared like those of
	                             other servers from 3.1 on, so that repetitions need it */
	FEATURE_RULE_PAUSES, /* after 50 rules others have their turn, unless told not to: several
	                        of them may see the same last token of a bucket */
	FEATURE_HOT_MEMORY,  /* tune.memory.hot-size */
	FEATURE_SPOP_MODE, /* mode spop; from then on a backend of mode tcp makes a connection to an
	                      agent for each request */
	FEATURE_RELOAD_ANSWERS, /* the master's `reload` waits and says whether it worked */
	FEATURE_COUNT
};

/* "3.0", "2.6.12-1+deb12u4", or the whole output of haproxy -v. Oldest supported: 2.6. */
bool haproxy_version_parse(struct slice text, struct haproxy_version *out, struct err *err);
bool haproxy_has(struct haproxy_version version, enum haproxy_feature feature);
