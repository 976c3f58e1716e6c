/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/revision.h"

#include "common/codec.h"
#include "common/digest.h"
#include "common/file.h"
#include "common/json_read.h"
#include "common/json_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0755, FILE_MODE = 0640, FILE_MAX_BYTES = 64 << 20 };

static bool failed(struct err *err, const char *path)
{
	return err_set(err, "%s: %s", path, strerror(errno));
}

const char *revision_path(
    char path[REVISION_PATH_MAX], const char *output_dir, const char *name, const char *file)
{
	snprintf(path, REVISION_PATH_MAX, "%s/revisions/%s%s%s", output_dir, name, file ? "/" : "",
	    file ? file : "");
	return path;
}

int revision_lock(const char *output_dir, struct err *err)
{
	char path[REVISION_PATH_MAX];
	snprintf(path, sizeof(path), "%s/revisions", output_dir);
	if (!file_make_dirs(path, FOLDER_MODE, err))
		return -1;
	snprintf(path, sizeof(path), "%s/lock", output_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		failed(err, path);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			err_set(err, "%s: another sallyport-registry is at work; try again", path);
		else
			failed(err, path);
		close(fd);
		return -1;
	}
	return fd;
}

static int compare_file_names(const void *a, const void *b)
{
	const struct rendered_file *x = *(const struct rendered_file *const *)a;
	const struct rendered_file *y = *(const struct rendered_file *const *)b;
	return strcmp(x->name, y->name);
}

bool revision_content(const struct rendering *rendering, char out[65])
{
	const struct rendered_file *sorted[RENDERED_FILES_MAX];
	struct buf all, text;
	unsigned char digest[SHA256_BYTES];
	for (size_t i = 0; i < rendering->count; i++)
		sorted[i] = &rendering->files[i];
	qsort(sorted, rendering->count, sizeof(sorted[0]), compare_file_names);
	buf_init(&all, 0);
	for (size_t i = 0; i < rendering->count; i++) {
		buf_printf(&all, "%s %zu\n", sorted[i]->name, sorted[i]->text.len);
		buf_append_slice(&all, buf_slice(&sorted[i]->text));
	}
	bool ok = !buf_failed(&all) && digest_sha256(buf_slice(&all), digest);
	buf_release(&all);
	buf_init(&text, 0);
	if (ok)
		hex_encode(&text, slice_of(digest, sizeof(digest)));
	ok = ok && text.len == 64;
	if (ok)
		strcpy(out, buf_cstr(&text));
	buf_release(&text);
	return ok;
}

/* --- reading ---------------------------------------------------------------------------------- */

bool revision_read(
    const char *output_dir, const char *name, const char *file, struct buf *out, struct err *err)
{
	char path[REVISION_PATH_MAX];
	return file_read(revision_path(path, output_dir, name, file), FILE_MAX_BYTES, out, err);
}

static enum rendered_kind kind_of(const char *file)
{
	struct slice name = slice_of_cstr(file);
	if (slice_eq(name, SLICE("agent.json")))
		return RENDERED_AGENT;
	return slice_ends_with(name, SLICE(".map")) ? RENDERED_MAP : RENDERED_CONFIG;
}

/* state.json and revision.json are about the revision, not of it. */
static bool is_rendered(const char *file)
{
	return file[0] != '.' && strcmp(file, "state.json") != 0 &&
	       strcmp(file, "revision.json") != 0;
}

bool revision_load(const char *output_dir, const char *name, struct rendering *out,
    struct arena *arena, struct err *err)
{
	char path[REVISION_PATH_MAX];
	*out = (struct rendering){ 0 };
	DIR *folder = opendir(revision_path(path, output_dir, name, NULL));
	if (!folder)
		return failed(err, path);
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(folder));) {
		if (!is_rendered(entry->d_name))
			continue;
		const char *file = arena_dup_cstr(arena, entry->d_name);
		ok = file && out->count < RENDERED_FILES_MAX &&
		     revision_read(
		         output_dir, name, file, rendering_add(out, file, kind_of(file)), err);
	}
	closedir(folder);
	return ok || err_set(err, "%s: not a revision", path);
}

static void copy_member(char *dst, size_t size, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	snprintf(dst, size, "%s", text ? text : "");
}

static bool load_one(const char *output_dir, const char *name, struct revision *out)
{
	char path[REVISION_PATH_MAX];
	struct err ignored = { 0 };
	json_t *object = json_read_file(
	    revision_path(path, output_dir, name, "revision.json"), FILE_MAX_BYTES, NULL, &ignored);
	if (!object)
		return false;
	*out = (struct revision){ 0 };
	snprintf(out->name, sizeof(out->name), "%.*s", REVISION_NAME_MAX - 1, name);
	copy_member(out->content, sizeof(out->content), object, "content");
	copy_member(out->by, sizeof(out->by), object, "by");
	copy_member(out->note, sizeof(out->note), object, "note");
	out->number = strtoull(name, NULL, 10);
	out->created_ms = json_integer_value(json_object_get(object, "created_ms"));
	json_decref(object);
	return out->number > 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const struct revision *x = a, *y = b;
	return x->number < y->number ? -1 : x->number > y->number;
}

bool revision_list_load(const char *output_dir, struct revision_list *list, struct err *err)
{
	char path[REVISION_PATH_MAX];
	*list = (struct revision_list){ 0 };
	snprintf(path, sizeof(path), "%s/revisions", output_dir);
	DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT || failed(err, path);
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(folder));) {
		if (!ascii_is_digit(entry->d_name[0]) || strlen(entry->d_name) >= REVISION_NAME_MAX)
			continue;
		struct revision *items = realloc(list->items, (list->count + 1) * sizeof(*items));
		ok = items != NULL || err_set(err, "no memory for the list of revisions");
		if (!ok)
			break;
		list->items = items;
		if (load_one(output_dir, entry->d_name, &items[list->count]))
			list->count++;
	}
	closedir(folder);
	if (list->count > 1)
		qsort(list->items, list->count, sizeof(list->items[0]), compare_numbers);
	return ok;
}

void revision_list_release(struct revision_list *list)
{
	free(list->items);
	*list = (struct revision_list){ 0 };
}

const struct revision *revision_list_find(const struct revision_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct revision *revision = &list->items[i];
		size_t digits = strspn(revision->name, "0123456789");
		bool by_number =
		    strlen(name) == digits && strncmp(name, revision->name, digits) == 0;
		if (by_number || strcmp(name, revision->name) == 0)
			return revision;
	}
	return NULL;
}

bool revision_current(const char *output_dir, char name[REVISION_NAME_MAX], struct err *err)
{
	char path[REVISION_PATH_MAX], target[REVISION_PATH_MAX];
	snprintf(path, sizeof(path), "%s/current", output_dir);
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	name[0] = 0;
	if (len < 0)
		return errno == ENOENT || failed(err, path);
	target[len] = 0;
	const char *last = strrchr(target, '/');
	if (!last || strlen(last + 1) >= REVISION_NAME_MAX)
		return err_set(err, "%s: points to '%s', which is no revision", path, target);
	strcpy(name, last + 1);
	return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static bool write_file(const char *folder, const char *name, struct slice text, struct err *err)
{
	char path[REVISION_PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return failed(err, path);
	bool ok = file_write_all(fd, text) && fsync(fd) == 0;
	if (!ok)
		failed(err, path);
	return (close(fd) == 0 || failed(err, path)) && ok;
}

static bool sync_folder(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (!ok)
		failed(err, path);
	if (fd >= 0)
		close(fd);
	return ok;
}

static void write_about(struct buf *out, const struct revision *revision)
{
	struct jw w;
	jw_init(&w, out, 2);
	jw_object_begin(&w);
	jw_key(&w, "revision");
	jw_cstr(&w, revision->name);
	jw_key(&w, "content");
	jw_cstr(&w, revision->content);
	jw_key(&w, "created_ms");
	jw_int(&w, revision->created_ms);
	jw_key(&w, "by");
	jw_cstr(&w, revision->by);
	jw_key(&w, "note");
	jw_cstr(&w, revision->note);
	jw_object_end(&w);
	buf_append_byte(out, '\n');
}

static bool fill_folder(const char *folder, const struct rendering *rendering, struct slice state,
    const struct revision *revision, struct err *err)
{
	struct buf about;
	bool ok = true;
	for (size_t i = 0; ok && i < rendering->count; i++)
		ok = write_file(
		    folder, rendering->files[i].name, buf_slice(&rendering->files[i].text), err);
	buf_init(&about, 0);
	write_about(&about, revision);
	ok = ok && write_file(folder, "state.json", state, err) &&
	     write_file(folder, "revision.json", buf_slice(&about), err) &&
	     sync_folder(folder, err);
	buf_release(&about);
	return ok;
}

/* Files only; there are no folders in a revision. */
static bool remove_folder(const char *folder, struct err *err)
{
	DIR *entries = opendir(folder);
	if (!entries)
		return errno == ENOENT || failed(err, folder);
	bool ok = true;
	for (struct dirent *entry; (entry = readdir(entries));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		ok = unlinkat(dirfd(entries), entry->d_name, 0) == 0 && ok;
	}
	closedir(entries);
	return (ok && rmdir(folder) == 0) || failed(err, folder);
}

bool revision_write(const char *output_dir, const struct rendering *rendering, struct slice state,
    const struct revision *revision, struct err *err)
{
	char staging[REVISION_PATH_MAX], final[REVISION_PATH_MAX];
	revision_path(staging, output_dir, ".staging", NULL);
	revision_path(final, output_dir, revision->name, NULL);
	/* What a killed predecessor left; nobody else is here, the lock is held. */
	if (!remove_folder(staging, err))
		return false;
	if (mkdir(staging, FOLDER_MODE) != 0)
		return failed(err, staging);
	if (!fill_folder(staging, rendering, state, revision, err))
		return false;
	if (rename(staging, final) != 0)
		return failed(err, final);
	char parent[REVISION_PATH_MAX];
	snprintf(parent, sizeof(parent), "%s/revisions", output_dir);
	return sync_folder(parent, err);
}

bool revision_remove(const char *output_dir, const char *name, struct err *err)
{
	char path[REVISION_PATH_MAX];
	return remove_folder(revision_path(path, output_dir, name, NULL), err);
}

bool revision_switch(const char *output_dir, const char *name, struct err *err)
{
	char target[REVISION_PATH_MAX], beside[REVISION_PATH_MAX], path[REVISION_PATH_MAX];
	snprintf(target, sizeof(target), "revisions/%s", name);
	snprintf(beside, sizeof(beside), "%s/.current.new", output_dir);
	snprintf(path, sizeof(path), "%s/current", output_dir);
	if (unlink(beside) != 0 && errno != ENOENT)
		return failed(err, beside);
	if (symlink(target, beside) != 0)
		return failed(err, beside);
	if (rename(beside, path) != 0)
		return failed(err, path);
	return sync_folder(output_dir, err);
}

bool revision_prune(const char *output_dir, uint64_t keep, struct err *err)
{
	struct revision_list list;
	char current[REVISION_NAME_MAX];
	bool ok = revision_list_load(output_dir, &list, err) &&
	          revision_current(output_dir, current, err);
	for (size_t i = 0; ok && i + keep < list.count; i++)
		if (strcmp(list.items[i].name, current) != 0)
			ok = revision_remove(output_dir, list.items[i].name, err);
	revision_list_release(&list);
	return ok;
}
