// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo/FD tells of a context.
 *
 * A line for the context, one for each object, which its own file writes, and why
 * the last call was refused. The format is an interface:
 * Documentation/ABI/testing/procfs-fdinfo-iommufd.
 */
#include <linux/fs.h>
#include <linux/seq_file.h>

#include "context.h"
#include "fdinfo.h"
#include "object.h"

/* For the file_operations of the node */
void iommufd_fdinfo_show(struct seq_file *m, struct file *file)
{
	struct iommufd_ctx *ictx = file->private_data;
	bool by_process = READ_ONCE(ictx->ledger.limited) == MEMORY_CHARGE_MM;

	seq_printf(m, "iommufd-ctx:\t%u\n", ictx->number);
	seq_printf(m, "iommufd-accounting:\t%s\n",
		   by_process ? "process" : "user");
	iommufd_object_show_all(ictx, m);
	reason_show(&ictx->reason, m);
}
