/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAPI documents: what is taken out of one has names of the table and is never empty. */
#include "registry/openapi.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct openapi_fields fields;
	struct err err = { 0 };
	bool ok = openapi_import(slice_of(data, size), "f", &fields, &err);
	assert(ok != err_is_set(&err));
	for (size_t i = 0; ok && i < fields.count; i++) {
		assert(service_field_find(slice_of_cstr(fields.items[i].name)));
		assert(*fields.items[i].value);
		assert(openapi_field_find(&fields, fields.items[i].name) == fields.items[i].value);
	}
	openapi_fields_release(&fields);
	return 0;
}
