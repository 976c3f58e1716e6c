/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files and folders of files through a fuzz harness where libFuzzer is not linked. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long replayed;

static int replay_file(const char *path, size_t size)
{
	/* Exactly as large as the input, so that a sanitizer sees a read behind it. */
	uint8_t *data = malloc(size ? size : 1);
	FILE *in = fopen(path, "rb");
	if (!data || !in || fread(data, 1, size, in) != size) {
		fprintf(stderr, "replay: cannot read %s\n", path);
		return 1;
	}
	fclose(in);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
	return 0;
}

static int replay(const char *path);

static int replay_folder(const char *path)
{
	int bad = 0;
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
		char inner[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
		bad |= replay(inner);
	}
	if (folder)
		closedir(folder);
	return bad;
}

static int replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		fprintf(stderr, "replay: cannot find %s\n", path);
		return 1;
	}
	return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

int main(int argc, char **argv)
{
	int bad = 0;
	for (int i = 1; i < argc; i++)
		bad |= replay(argv[i]);
	printf("replayed %lu inputs\n", replayed);
	return bad || replayed == 0;
}
