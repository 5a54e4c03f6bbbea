// SPDX-License-Identifier: GPL-2.0-only
/*
 * What /proc/PID/fdinfo/FD tells of a file of a VFIO device.
 *
 * The format is an interface: Documentation/ABI/testing/procfs-fdinfo-iommufd.
 * All of it holds for as long as the file is open, or is a number that was right a
 * moment ago; nothing waits for it.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/kobject.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/vfio.h>

#include "iommufd.h"
#include "vfio.h"

/* A space after the colon, as in later kernels */
static void fdinfo_show_syspath(struct seq_file *m, struct vfio_device *device)
{
	char *path = kobject_get_path(&device->dev->kobj, GFP_KERNEL);

	if (!path)
		return;
	seq_puts(m, "vfio-device-syspath: /sys");
	seq_escape(m, path, "\n\\");
	seq_putc(m, '\n');
	kfree(path);
}

static void fdinfo_show_binding(struct seq_file *m,
				const struct iommufd_binding *binding)
{
	seq_printf(m, "state:\t%s\n", binding->pt_id ? "attached" : "bound");
	seq_printf(m, "iommufd-ctx:\t%u\n", binding->ictx_number);
	seq_printf(m, "device-id:\t%u\n", binding->id);
	if (binding->has_cookie)
		seq_printf(m, "cookie:\t0x%016llx\n", binding->cookie);
	seq_printf(m, "faults:\t%llu\n", binding->nr_faults);
}

/*
 * A file with a full table has its device open, which then is on what it is on until
 * the file is closed.
 */
static void fdinfo_show_state(struct seq_file *m, struct file *filep)
{
	/* Pairs with vfio_device_file_publish() */
	const struct file_operations *fops = smp_load_acquire(&filep->f_op);
	struct vfio_device *device = filep->private_data;
	struct iommufd_binding binding = {};

	if (fops == &vfio_device_bind_fops) {
		seq_puts(m, "state:\tbind-only\n");
		return;
	}
	vfio_iommufd_describe(device, &binding);
	if (binding.ictx)
		fdinfo_show_binding(m, &binding);
	else if (vfio_iommufd_is_open(device))
		seq_puts(m, "state:\tno-iommu\n");
	else
		seq_puts(m, "state:\tcontainer\n");
}

/**
 * vfio_device_show_fdinfo() - for each table of operations of a device file
 * @m: where
 * @filep: the file
 */
void vfio_device_show_fdinfo(struct seq_file *m, struct file *filep)
{
	fdinfo_show_syspath(m, filep->private_data);
	fdinfo_show_state(m, filep);
	vfio_device_show_reason(m, filep);
}
