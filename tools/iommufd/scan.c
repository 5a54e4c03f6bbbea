// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading /proc and sysfs.
 *
 * Processes end and files are closed while we look: what is not there any more is
 * passed over. A context may be in several processes: it is read once, and each of them
 * is noted. Lines that we do not know are kept as they are.
 */
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "records.h"
#include "scan.h"

#define CONTEXT_KEY	"iommufd-ctx"
#define DEVICE_KEY	"vfio-device-syspath"
#define OBJECT_PREFIX	"iommufd-"

/* A line without its end; NULL when there is none or it cannot be read. */
static char *read_line(int folder, const char *path)
{
	int fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	if (fd < 0)
		return NULL;
	file = fdopen(fd, "r");
	if (!file)
		err(1, "memory");
	if (getline(&line, &size, file) < 0) {
		free(line);
		line = NULL;
	} else {
		line[strcspn(line, "\n")] = '\0';
	}
	fclose(file);
	return line;
}

/* name=value, apart by spaces. What has no equals sign gets an empty value. */
static void parse_words(struct pairs *pairs, char *text)
{
	char *word, *save, *value;

	for (word = strtok_r(text, " \t", &save); word;
	     word = strtok_r(NULL, " \t", &save)) {
		value = strchr(word, '=');
		if (value)
			*value++ = '\0';
		pairs_add(pairs, word, value ? value : "");
	}
}

/* Cut "key:\tvalue\n"; NULL when it is no such line. */
static char *cut_line(char *line)
{
	char *value = strchr(line, ':');

	if (!value)
		return NULL;
	*value++ = '\0';
	value[strcspn(value, "\n")] = '\0';
	return value + strspn(value, " \t");
}

static bool is_object(const char *key, const char *value)
{
	return !strncmp(key, OBJECT_PREFIX, strlen(OBJECT_PREFIX)) &&
	       !strncmp(value, "id=", 3);
}

static void context_add_line(struct context *context, const char *key,
			     char *value)
{
	struct object *object;

	if (!is_object(key, value)) {
		if (!strncmp(key, OBJECT_PREFIX, strlen(OBJECT_PREFIX)))
			key += strlen(OBJECT_PREFIX);
		pairs_add(&context->pairs, key, value);
		return;
	}
	context->objects = grow(context->objects, context->nr_objects,
				sizeof(*context->objects));
	object = &context->objects[context->nr_objects++];
	object->type = copy(key + strlen(OBJECT_PREFIX));
	parse_words(&object->pairs, value);
}

/* The lines that procfs writes for each file */
static bool is_common(const char *key)
{
	static const char *const keys[] = { "pos", "flags", "mnt_id", "ino" };
	size_t i;

	for (i = 0; i != sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

/* What is behind the line that names the context, which comes first */
static void read_context(struct records *records, FILE *file,
			 unsigned long number, const struct holder *holder)
{
	struct context *context = records_context(records, number);
	bool known = context->read;
	struct holder *added;
	char *line = NULL;
	size_t size = 0;

	context->holders = grow(context->holders, context->nr_holders,
				sizeof(*context->holders));
	added = &context->holders[context->nr_holders++];
	*added = *holder;
	added->command = copy(holder->command);
	context->read = true;
	while (!known && getline(&line, &size, file) >= 0) {
		char *value = cut_line(line);

		if (value)
			context_add_line(context, line, value);
	}
	free(line);
}

static void read_device_file(struct records *records, FILE *file,
			     const char *path, const struct holder *holder)
{
	struct device_file *added;
	const char *number;
	char *line = NULL;
	size_t size = 0;

	records->files = grow(records->files, records->nr_files,
			      sizeof(*records->files));
	added = &records->files[records->nr_files++];
	added->holder = *holder;
	added->holder.command = copy(holder->command);
	pairs_add(&added->pairs, DEVICE_KEY, path);
	while (getline(&line, &size, file) >= 0) {
		char *value = cut_line(line);

		if (value)
			pairs_add(&added->pairs, line, value);
	}
	free(line);
	number = pairs_get(&added->pairs, CONTEXT_KEY);
	if (number)
		records_context(records, strtoul(number, NULL, 10));
}

/* The first line that procfs does not write for every file decides. */
static void read_fdinfo(struct records *records, FILE *file,
			const struct holder *holder)
{
	char *line = NULL, *value;
	size_t size = 0;

	while (getline(&line, &size, file) >= 0) {
		value = cut_line(line);
		if (!value || is_common(line))
			continue;
		if (!strcmp(line, CONTEXT_KEY))
			read_context(records, file, strtoul(value, NULL, 10),
				     holder);
		else if (!strcmp(line, DEVICE_KEY))
			read_device_file(records, file, value, holder);
		break;
	}
	free(line);
}

/*
 * Reading the fdinfo of everything would take long: /dev/iommu is a character device.
 * A file system that does not answer is not asked.
 */
static bool may_be_ours(int process, const char *fd)
{
	char path[NAME_MAX + sizeof("fd/")], target[64];
	struct statx status;
	ssize_t length;

	snprintf(path, sizeof(path), "fd/%s", fd);
	if (statx(process, path, AT_STATX_DONT_SYNC, STATX_TYPE, &status))
		return true;
	if (S_ISCHR(status.stx_mode))
		return true;
	length = readlinkat(process, path, target, sizeof(target) - 1);
	if (length < 0)
		return true;
	target[length] = '\0';
	return !strcmp(target, "anon_inode:[vfio-device]");
}

static void scan_file(struct records *records, int process, const char *fd,
		      struct holder *holder)
{
	char path[NAME_MAX + sizeof("fdinfo/")];
	int info;
	FILE *file;

	if (!may_be_ours(process, fd))
		return;
	snprintf(path, sizeof(path), "fdinfo/%s", fd);
	info = openat(process, path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return;
	file = fdopen(info, "r");
	if (!file)
		err(1, "memory");
	holder->fd = atoi(fd);
	read_fdinfo(records, file, holder);
	fclose(file);
}

static DIR *open_folder(int parent, const char *path)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (fd >= 0 && !folder)
		close(fd);
	return folder;
}

static void scan_process(struct records *records, int process, pid_t pid)
{
	struct holder holder = { .pid = pid };
	struct dirent *entry;
	DIR *folder;

	folder = open_folder(process, "fdinfo");
	if (!folder) {
		if (errno == EACCES || errno == EPERM)
			records->nr_closed++;
		return;
	}
	holder.command = read_line(process, "comm");
	if (!holder.command)
		holder.command = copy("?");
	while ((entry = readdir(folder)))
		if (isdigit((unsigned char)entry->d_name[0]))
			scan_file(records, process, entry->d_name, &holder);
	free(holder.command);
	closedir(folder);
}

/* All processes below @proc */
void scan_processes(struct records *records, const char *proc)
{
	struct dirent *entry;
	DIR *folder = opendir(proc);

	if (!folder)
		err(1, "%s", proc);
	while ((entry = readdir(folder))) {
		int process;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = openat(dirfd(folder), entry->d_name,
				 O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0)
			continue;
		scan_process(records, process, atoi(entry->d_name));
		close(process);
	}
	closedir(folder);
}

/* Where "device" leads to */
static char *read_parent(int class, const char *name)
{
	char path[NAME_MAX + sizeof("/device")], target[PATH_MAX];
	ssize_t length;
	char *slash;

	snprintf(path, sizeof(path), "%s/device", name);
	length = readlinkat(class, path, target, sizeof(target) - 1);
	if (length < 0)
		return copy("?");
	target[length] = '\0';
	slash = strrchr(target, '/');
	return copy(slash ? slash + 1 : target);
}

/* All devices of @class, which is not there without VFIO */
void scan_devices(struct records *records, const char *class)
{
	char path[NAME_MAX + sizeof("/availability")];
	struct dirent *entry;
	DIR *folder = opendir(class);

	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		struct device *device;

		if (entry->d_name[0] == '.')
			continue;
		records->devices = grow(records->devices, records->nr_devices,
					sizeof(*records->devices));
		device = &records->devices[records->nr_devices++];
		device->name = copy(entry->d_name);
		device->parent = read_parent(dirfd(folder), entry->d_name);
		snprintf(path, sizeof(path), "%s/availability", entry->d_name);
		device->availability = read_line(dirfd(folder), path);
	}
	closedir(folder);
}
