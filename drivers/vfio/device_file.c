// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a file of a VFIO device can do before the device is open.
 *
 * Every device file, from /dev/vfio/devices/ or from GROUP_GET_DEVICE_FD, is
 * born with the bind-only table below. It refuses everything but the call that
 * binds the device to an iommufd. Once the device is bound and open, the
 * file's f_op is exchanged for a full table, for good. Which table a file
 * carries is all its state: no handler of a full table has to ask whether the
 * device is open, and ->release undoes what its own table stands for.
 *
 * The VFS loads f_op again and again in the course of one call, without a
 * lock: it tests a member in one load and calls it in the next, and computes
 * f_mode from the members when the file is made. All tables must therefore
 * have the same members and the same owner; vfio_device_fops_alike() is the
 * proof at start-up.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>

#include "vfio.h"

/*
 * Who has a device: the process that opened it or, before that, the last to
 * open a file of it. Only for the message to whoever waits for the device.
 * Files move between processes, and of several unbound ones only one counts, so
 * it may be wrong or unknown.
 */
static DEFINE_SPINLOCK(device_user_lock);

static void device_change_user(struct vfio_device *device, struct pid *user)
{
	struct pid *old;

	spin_lock(&device_user_lock);
	old = device->user;
	device->user = user;
	spin_unlock(&device_user_lock);
	put_pid(old);
}

/**
 * vfio_device_set_user() - remember that the current process has a device
 * @device: the device
 */
void vfio_device_set_user(struct vfio_device *device)
{
	device_change_user(device, get_pid(task_tgid(current)));
}

/**
 * vfio_device_clear_user() - forget who has a device
 * @device: the device
 */
void vfio_device_clear_user(struct vfio_device *device)
{
	device_change_user(device, NULL);
}

/**
 * vfio_device_get_user() - who has a device
 * @device: the device
 *
 * Return: the process, with a reference; NULL if it is not known.
 */
struct pid *vfio_device_get_user(struct vfio_device *device)
{
	struct pid *user;

	spin_lock(&device_user_lock);
	user = get_pid(device->user);
	spin_unlock(&device_user_lock);
	return user;
}

/**
 * vfio_device_report_user() - tell whoever removes a device what it waits for
 * @device: a device with files
 */
void vfio_device_report_user(struct vfio_device *device)
{
	struct pid *user = vfio_device_get_user(device);
	struct task_struct *task;
	char comm[TASK_COMM_LEN];

	task = get_pid_task(user, PIDTYPE_TGID);
	if (task) {
		dev_warn(device->dev, "In use by process %d (%s), waiting until it closes the device\n",
			 pid_nr(user), get_task_comm(comm, task));
		put_task_struct(task);
	} else {
		dev_warn(device->dev, "In use, waiting until the device is closed\n");
	}
	put_pid(user);
}

static ssize_t bind_fops_read(struct file *filep, char __user *buf,
			      size_t count, loff_t *ppos)
{
	return -EINVAL;
}

static ssize_t bind_fops_write(struct file *filep, const char __user *buf,
			       size_t count, loff_t *ppos)
{
	return -EINVAL;
}

static long bind_fops_unl_ioctl(struct file *filep, unsigned int cmd,
				unsigned long arg)
{
	if (!IS_ENABLED(CONFIG_VFIO_DEVICE_CDEV))
		return -EINVAL;
	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return vfio_cdev_ioctl_bind(filep, (void __user *)arg);
	return vfio_cdev_refuse_unbound(filep, cmd);
}

static int bind_fops_mmap(struct file *filep, struct vm_area_struct *vma)
{
	return -EINVAL;
}

static int bind_fops_release(struct inode *inode, struct file *filep)
{
	struct vfio_device *device = filep->private_data;

	if (!READ_ONCE(device->open_count))
		vfio_device_clear_user(device);
	vfio_device_forget_reason(filep);
	module_put(device->dev->driver->owner);
	vfio_device_put_registration(device);
	return 0;
}

const struct file_operations vfio_device_bind_fops = {
	.owner		= THIS_MODULE,
	.release	= bind_fops_release,
	.read		= bind_fops_read,
	.write		= bind_fops_write,
	.unlocked_ioctl	= bind_fops_unl_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= bind_fops_mmap,
	.show_fdinfo	= VFIO_DEVICE_FDINFO,
};

/**
 * vfio_device_file_create() - make an anonymous bind-only file of a device
 * @device: the device
 *
 * The caller holds a registration of @device and a reference on its driver's
 * module. Both move to the file and go with it.
 *
 * Return: the file; on error an ERR_PTR, and the caller keeps what it held.
 */
struct file *vfio_device_file_create(struct vfio_device *device)
{
	struct file *filep;

	/*
	 * We can't use anon_inode_getfd() because we need to modify
	 * the f_mode flags directly to allow more than just ioctls
	 */
	filep = anon_inode_getfile("[vfio-device]", &vfio_device_bind_fops,
				   device, O_RDWR);
	if (!IS_ERR(filep))
		filep->f_mode |= FMODE_PREAD | FMODE_PWRITE;
	return filep;
}

/**
 * vfio_device_file_publish() - let a bind-only file be used in full
 * @filep: a bind-only file whose device was opened for it
 * @fops: the full table
 *
 * Cannot fail, so it comes last. The reference that the file holds on the
 * module serves @fops as well, as both tables have the same owner.
 */
void vfio_device_file_publish(struct file *filep,
			      const struct file_operations *fops)
{
	/*
	 * Pairs with vfio_device_from_file(): a handler of @fops sees the
	 * device as binding and opening have left it.
	 */
	smp_store_release(&filep->f_op, fops);
}

/**
 * vfio_device_fops_alike() - compare a full table with the bind-only one
 * @fops: the full table
 *
 * Looks at the tables word by word, so that no member added to struct
 * file_operations escapes.
 *
 * Return: true if the VFS cannot tell @fops and the bind-only table apart
 * other than by calling them.
 */
bool __init vfio_device_fops_alike(const struct file_operations *fops)
{
	const unsigned long *bind = (const unsigned long *)&vfio_device_bind_fops;
	const unsigned long *full = (const unsigned long *)fops;
	size_t i;

	BUILD_BUG_ON(sizeof(*fops) % sizeof(*full));

	for (i = 0; i < sizeof(*fops) / sizeof(*full); i++)
		if (!bind[i] != !full[i])
			return false;

	return fops->owner == vfio_device_bind_fops.owner &&
	       fops->mmap_supported_flags ==
		       vfio_device_bind_fops.mmap_supported_flags;
}
