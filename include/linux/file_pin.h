/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _LINUX_FILE_PIN_H
#define _LINUX_FILE_PIN_H

#include <linux/types.h>

struct file;
struct page;

bool file_can_pin(struct file *file);
int file_pin_get(struct file *file, bool writable);
void file_pin_put(struct file *file, bool writable);
long file_pin_pages(struct file *file, pgoff_t index, unsigned long nr_pages,
		    struct page **first);

#endif
