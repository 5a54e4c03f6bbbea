/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /proc/self/fdinfo of an iommufd and of a VFIO device: lines of a key and a value,
 * and values that are a list of name=value.
 */
#ifndef __IOMMU_FDINFO_H
#define __IOMMU_FDINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>

#define FDINFO_LINE_MAX 512

/* All of it, for free(); of another process or of this one, which is 0 */
char *fdinfo_read(pid_t pid, int fd);
/* The value of the first line with a key; -ENOENT if there is none */
int fdinfo_value(int fd, const char *key, char value[FDINFO_LINE_MAX]);
/* How many lines have it? */
unsigned int fdinfo_count(int fd, const char *key);
/* The value of the line with a key that says id=@id */
int fdinfo_object(int fd, const char *key, __u32 id,
		  char value[FDINFO_LINE_MAX]);
/* Is "@name=@text" in the line of that object? */
bool fdinfo_says(int fd, const char *key, __u32 id, const char *name,
		 const char *text);
/* The number behind "@name=" in it; -1 without one */
long long fdinfo_number(int fd, const char *key, __u32 id, const char *name);

/*
 * Is the last error of the file @what, as "IOAS_MAP EINVAL", and is @part in its
 * sentence? It says what there is if not.
 */
bool refused(int fd, const char *what, const char *part);

#endif
