/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was read: contexts of iommufd, files of VFIO devices, VFIO devices. Values are
 * text, as the kernel wrote it: this program adds up a few and shows the rest.
 */
#ifndef __IOMMUFDSTAT_RECORDS_H
#define __IOMMUFDSTAT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct pair - a name and its value
 * @name: without the colon or the equals sign
 * @value: unescaped
 */
struct pair {
	char *name;
	char *value;
};

/**
 * struct pairs - some of them, in the order in which they were read
 * @nr: how many
 * @at: an array
 */
struct pairs {
	size_t nr;
	struct pair *at;
};

/**
 * struct object - a line of an object
 * @type: ioas, hwpt, device, access or what else there may be
 * @pairs: the line
 */
struct object {
	char *type;
	struct pairs pairs;
};

/**
 * struct holder - who has a file
 * @pid: of the process
 * @fd: its number there
 * @command: name of the process
 */
struct holder {
	pid_t pid;
	int fd;
	char *command;
};

/**
 * struct context - an open /dev/iommu
 * @number: since boot
 * @nr_holders: files that are this context
 * @holders: an array
 * @nr_objects: what it has
 * @objects: an array
 * @pairs: the lines that are no objects, the prefix iommufd- taken off
 * @read: false when only a device file spoke of it
 */
struct context {
	unsigned long number;
	size_t nr_holders;
	struct holder *holders;
	size_t nr_objects;
	struct object *objects;
	struct pairs pairs;
	bool read;
};

/**
 * struct device_file - an open file of a VFIO device
 * @holder: who has it
 * @pairs: its lines
 */
struct device_file {
	struct holder holder;
	struct pairs pairs;
};

/**
 * struct device - a VFIO device that there is
 * @name: vfioX
 * @parent: name of the physical or emulated device
 * @availability: what a bind would meet; NULL when the kernel does not tell
 */
struct device {
	char *name;
	char *parent;
	char *availability;
};

/**
 * struct records - all of it
 * @nr_contexts: how many
 * @contexts: an array, by number
 * @nr_files: how many
 * @files: an array
 * @nr_devices: how many
 * @devices: an array, by name
 * @nr_closed: processes whose files we may not see
 */
struct records {
	size_t nr_contexts;
	struct context *contexts;
	size_t nr_files;
	struct device_file *files;
	size_t nr_devices;
	struct device *devices;
	size_t nr_closed;
};

void *grow(void *array, size_t nr, size_t size);
char *copy(const char *text);
void unescape(char *text);

void pairs_add(struct pairs *pairs, const char *name, const char *value);
const char *pairs_get(const struct pairs *pairs, const char *name);
unsigned long long pairs_number(const struct pairs *pairs, const char *name);

struct context *records_context(struct records *records, unsigned long number);
void records_sort(struct records *records);
void records_free(struct records *records);

#endif
