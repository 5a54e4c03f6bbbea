/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFDSTAT_SCAN_H
#define __IOMMUFDSTAT_SCAN_H

struct records;

void scan_processes(struct records *records, const char *proc);
void scan_devices(struct records *records, const char *class);

#endif
