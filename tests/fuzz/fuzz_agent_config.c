/* SPDX-License-Identifier: Apache-2.0 */
#include "spoa/config.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err_list errors;
	struct arena arena;
	struct config config;

	arena_init(&arena, 0);
	err_list_init(&errors, 10);
	if (config_parse(slice_of(data, size), "fuzz.json", &arena, &config, &errors)) {
		assert(err_list_is_empty(&errors));
		assert(config.threads >= 1 && config.max_frame_bytes >= 256);
		assert(config_socket_mode(&config) <= 0777);
	} else {
		assert(!err_list_is_empty(&errors));
	}
	err_list_release(&errors);
	arena_release(&arena);
	return 0;
}
