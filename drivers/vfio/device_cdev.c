// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vfio/devices/vfioX: one device, without its group.
 *
 * A file opened here is bind-only (see device_file.c). BIND owns the DMA of
 * the device for an iommufd, opens the device and gives the file the full
 * table below. ATTACH and DETACH then choose the I/O address space. Closing
 * the file undoes everything.
 *
 * One struct cdev serves all minors. A cdev inside each vfio_device would be
 * touched after ->release, when the device may be gone with its driver, and
 * the inode would let a user reopen a device that is being unregistered, for
 * ever. The table of published devices is what an open goes through instead:
 * a device that left it gets no more files, and no more binds.
 *
 * Locks: group_lock is taken and dropped first, to keep the group out; then
 * dev_set->lock, under which the device is bound, opened and closed. User memory
 * is never touched under either, nor is anybody waited for who does: attaching
 * and detaching, and the end of a bind, are done without them.
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/xarray.h>

#include "iommufd.h"
#include "vfio.h"

/* Published devices by minor, which is vfio_device.index */
static DEFINE_XARRAY(cdev_devices);
static struct cdev *cdev_all;
static dev_t cdev_devt;

static const struct file_operations vfio_cdev_fops;

/**
 * vfio_cdev_publish() - prepare the node of a device and let it be opened
 * @device: the device, about to be added; its registration count has begun
 *
 * device_add() then makes the node, the sysfs attribute "dev" and the uevent,
 * and whoever is woken by those finds the device published. Nothing to do for
 * a device that cannot be bound to an iommufd.
 *
 * Return: 0 or %-ENOMEM.
 */
int vfio_cdev_publish(struct vfio_device *device)
{
	int ret;

	if (!vfio_iommufd_attachable(device))
		return 0;

	ret = xa_insert(&cdev_devices, device->index, device, GFP_KERNEL);
	if (ret)
		return ret;

	device->device.devt = MKDEV(MAJOR(cdev_devt), device->index);
	return 0;
}

/**
 * vfio_cdev_unpublish() - from here on: no more files, no more binds
 * @device: the device
 *
 * Files there are keep their registration until they are closed.
 *
 * Return: true if the device was published, and so has a node.
 */
bool vfio_cdev_unpublish(struct vfio_device *device)
{
	return xa_erase(&cdev_devices, device->index);
}

/**
 * vfio_device_is_cdev() - was an open device opened through its cdev?
 * @device: an open device
 *
 * That does not change before it is closed.
 *
 * Return: true if it was; false if through its group.
 */
bool vfio_device_is_cdev(struct vfio_device *device)
{
	return device->opened_by_cdev;
}
EXPORT_SYMBOL_GPL(vfio_device_is_cdev);

static bool cdev_published(struct vfio_device *device)
{
	/* The index is not used again as long as the device is registered */
	return xa_load(&cdev_devices, device->index) == device;
}

static struct vfio_device *cdev_get_device(unsigned long minor)
{
	struct vfio_device *device;

	xa_lock(&cdev_devices);
	device = xa_load(&cdev_devices, minor);
	if (device && !vfio_device_try_get_registration(device))
		device = NULL;
	xa_unlock(&cdev_devices);
	return device;
}

static int cdev_open(struct inode *inode, struct file *filep)
{
	struct vfio_device *device;

	device = cdev_get_device(iminor(inode));
	if (!device)
		return -ENODEV;

	/* So that rmmod says EBUSY instead of waiting for the file */
	if (!try_module_get(device->dev->driver->owner)) {
		vfio_device_put_registration(device);
		return -ENODEV;
	}

	if (!READ_ONCE(device->open_count))
		vfio_device_set_user(device);

	filep->private_data = device;
	/* Same owner: the reference on the module is good for this table too */
	filep->f_op = &vfio_device_bind_fops;
	return 0;
}

/* Only ever seen by chrdev_open(): the file itself starts bind-only */
static const struct file_operations cdev_node_fops = {
	.owner		= THIS_MODULE,
	.open		= cdev_open,
};

/*
 * A device is used through its group or through its cdev. An open group file
 * keeps binds out, a bound device of the group keeps the group file out.
 */
static int cdev_exclude_group(struct vfio_group *group, struct file *filep)
{
	char user[VFIO_USER_TEXT_MAX];
	bool busy;

	/* A container may pin memory under it */
	if (mutex_lock_killable(&group->group_lock))
		return vfio_device_refused(filep, "BIND", -EINTR, NULL);
	busy = vfio_group_is_open(group);
	if (busy)
		vfio_describe_user(group->user, user, sizeof(user));
	else
		group->cdev_users++;
	mutex_unlock(&group->group_lock);
	if (!busy)
		return 0;
	return vfio_device_refuse(filep, "BIND", -EBUSY,
				  "group %d is open by %s",
				  iommu_group_id(group->iommu_group), user);
}

static void cdev_admit_group(struct vfio_group *group)
{
	mutex_lock(&group->group_lock);
	group->cdev_users--;
	mutex_unlock(&group->group_lock);
}

/**
 * vfio_file_is_cdev() - was a file opened at /dev/vfio/devices/?
 * @filep: any file
 *
 * Return: true if it was, whether it is bound or not.
 */
bool vfio_file_is_cdev(struct file *filep)
{
	const struct file_operations *fops = READ_ONCE(filep->f_op);

	/* The first may become the second, but both count */
	return fops == &vfio_device_bind_fops || fops == &vfio_cdev_fops;
}

/**
 * vfio_cdev_enforced_coherent() - can DMA not bypass the CPU's caches?
 * @filep: a file of a cdev
 *
 * Return: as vfio_iommufd_coherent() of the device.
 */
bool vfio_cdev_enforced_coherent(struct file *filep)
{
	return vfio_iommufd_coherent(filep->private_data);
}

/* The VM is for the caller to put */
static struct kvm *cdev_undo_open(struct vfio_device *device)
{
	struct kvm *kvm = device->kvm;

	lockdep_assert_held(&device->dev_set->lock);

	device->open_count = 0;
	device->opened_by_cdev = false;
	device->kvm = NULL;
	return kvm;
}

static int cdev_check_free(struct vfio_device *device, struct iommufd_ctx *ictx)
{
	char user[VFIO_USER_TEXT_MAX];

	lockdep_assert_held(&device->dev_set->lock);

	/* Also if it is this very file that another thread has just bound */
	if (vfio_device_is_open(device)) {
		vfio_device_describe_user(device, user, sizeof(user));
		return iommufd_refuse(ictx, -EINVAL,
				      "the device is open by %s", user);
	}
	if (!cdev_published(device))
		return iommufd_refuse(ictx, -ENODEV,
				      "the device is being taken from its driver");
	return 0;
}

static int cdev_open_device(struct vfio_device *device, struct file *filep,
			    struct vfio_iommufd_bind *bind)
{
	struct vfio_iommufd_bound bound = {};
	struct kvm *kvm = NULL;
	int ret;

	mutex_lock(&device->dev_set->lock);

	ret = cdev_check_free(device, bind->ictx);
	if (ret)
		goto out_unlock;

	device->open_count = 1;
	device->opened_by_cdev = true;
	device->kvm = vfio_cdev_get_kvm(device, filep);
	ret = vfio_iommufd_open(device, bind, &bound);
	if (ret)
		kvm = cdev_undo_open(device);

out_unlock:
	mutex_unlock(&device->dev_set->lock);
	vfio_iommufd_unbind(bound);
	vfio_cdev_put_kvm(kvm);
	return ret;
}

static void cdev_close_device(struct vfio_device *device)
{
	struct vfio_iommufd_bound bound;
	struct kvm *kvm;

	mutex_lock(&device->dev_set->lock);
	vfio_assert_device_open(device);
	bound = vfio_iommufd_close(device);
	kvm = cdev_undo_open(device);
	mutex_unlock(&device->dev_set->lock);
	/* Nobody else can bind the device before this has ended */
	vfio_iommufd_unbind(bound);
	vfio_cdev_put_kvm(kvm);
}

/* Bind, and tell the number. Nobody uses the device through its group. */
static int cdev_bind(struct file *filep, struct vfio_iommufd_bind *bind,
		     struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device *device = filep->private_data;
	int ret;

	ret = cdev_open_device(device, filep, bind);
	if (ret)
		return ret;

	/*
	 * Not under dev_set->lock: a user page may take arbitrarily long to
	 * come, and the set may hold devices of other users. Nobody gets in
	 * meanwhile: the device is open, and this file is bind-only still.
	 */
	if (put_user(bind->devid, &arg->out_devid)) {
		cdev_close_device(device);
		return iommufd_refuse(bind->ictx, -EFAULT,
				      "out_devid cannot be written");
	}
	return 0;
}

/**
 * vfio_cdev_ioctl_bind() - VFIO_DEVICE_BIND_IOMMUFD
 * @filep: a file that is bind-only, or was when the call began: if another
 *         thread has bound it since, its device is open
 * @arg: the argument
 *
 * Return: 0, or an error with file and device as they were.
 */
long vfio_cdev_ioctl_bind(struct file *filep,
			  struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device *device = filep->private_data;
	struct vfio_device_bind_iommufd args;
	struct vfio_iommufd_bind bind = {};
	int ret;

	ret = vfio_bind_copy(filep, &args, arg);
	if (ret)
		return ret;

	ret = cdev_exclude_group(device->group, filep);
	if (ret)
		return ret;

	ret = vfio_bind_check_token(filep, &args);
	if (ret)
		goto err_admit_group;
	if (args.flags & VFIO_DEVICE_BIND_FLAG_COOKIE)
		bind.cookie = &args.dev_cookie;

	bind.ictx = vfio_bind_get_ctx(filep, args.iommufd);
	if (IS_ERR(bind.ictx)) {
		ret = PTR_ERR(bind.ictx);
		goto err_admit_group;
	}

	ret = cdev_bind(filep, &bind, arg);
	if (ret)
		vfio_device_refused(filep, "BIND", ret, bind.ictx);
	/* A bound device holds the context itself */
	iommufd_ctx_put(bind.ictx);
	if (ret)
		goto err_admit_group;

	vfio_device_set_user(device);
	vfio_device_file_publish(filep, &vfio_cdev_fops);
	return 0;

err_admit_group:
	cdev_admit_group(device->group);
	return ret;
}

/* Of an open device. Without a reference, which the device has */
static struct iommufd_ctx *cdev_ctx(struct vfio_device *device)
{
	struct iommufd_binding binding = {};

	vfio_iommufd_describe(device, &binding);
	return binding.ictx;
}

static int cdev_refuse_argument(struct vfio_device *device, u32 argsz,
				u32 minsz, u32 flags)
{
	return iommufd_refuse(cdev_ctx(device), -EINVAL,
			      "argsz is %u, and has to be %u at least; flags are 0x%x, and have to be 0",
			      argsz, minsz, flags);
}

static int cdev_answer_attach(void *data, u32 pt_id)
{
	u32 __user *arg = data;

	return put_user(pt_id, arg);
}

/*
 * The answer is written when all but the switch of the hardware is done, so that
 * a failure to write it leaves the device attached as before. The IOMMU driver
 * may still refuse. That writing works is tried out first: the former number can
 * be restored then, other than for a program that takes its own memory away
 * during the call.
 */
static int cdev_ioctl_attach(struct vfio_device *device,
			     struct vfio_device_attach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_attach_iommufd_pt,
					 pt_id);
	struct vfio_device_attach_iommufd_pt attach;
	int ret;

	if (copy_from_user(&attach, arg, minsz))
		return -EFAULT;
	if (attach.argsz < minsz || attach.flags)
		return cdev_refuse_argument(device, attach.argsz, minsz,
					    attach.flags);
	if (put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;

	ret = vfio_iommufd_attach(device, attach.pt_id, cdev_answer_attach,
				  &arg->pt_id);
	if (ret && put_user(attach.pt_id, &arg->pt_id))
		return -EFAULT;
	return ret;
}

static int cdev_ioctl_detach(struct vfio_device *device,
			     struct vfio_device_detach_iommufd_pt __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_device_detach_iommufd_pt,
					 flags);
	struct vfio_device_detach_iommufd_pt detach;

	if (copy_from_user(&detach, arg, minsz))
		return -EFAULT;
	if (detach.argsz < minsz || detach.flags)
		return cdev_refuse_argument(device, detach.argsz, minsz,
					    detach.flags);

	return vfio_iommufd_detach(device);
}

static int cdev_ioctl_table(struct vfio_device *device, unsigned int cmd,
			    void __user *arg)
{
	int ret;

	/* The IOMMU may have to flush a TLB that is in the device */
	ret = vfio_device_pm_runtime_get(device);
	if (ret)
		return ret;

	if (cmd == VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		ret = cdev_ioctl_attach(device, arg);
	else
		ret = cdev_ioctl_detach(device, arg);

	vfio_device_pm_runtime_put(device);
	return ret;
}

static long cdev_fops_unl_ioctl(struct file *filep, unsigned int cmd,
				unsigned long arg)
{
	struct vfio_device *device = vfio_device_from_file(filep);
	bool is_table = cmd == VFIO_DEVICE_ATTACH_IOMMUFD_PT ||
			cmd == VFIO_DEVICE_DETACH_IOMMUFD_PT;
	char name[VFIO_CALL_NAME_MAX];
	long ret;

	if (is_table)
		ret = cdev_ioctl_table(device, cmd, (void __user *)arg);
	else
		ret = vfio_device_fops_unl_ioctl(filep, cmd, arg);
	/* A second BIND has said why */
	if (ret < 0 && ret > -ERESTARTSYS && cmd != VFIO_DEVICE_BIND_IOMMUFD)
		vfio_device_refused(filep, vfio_device_call_name(cmd, name), ret,
				    is_table ? cdev_ctx(device) : NULL);
	return ret;
}

static int cdev_fops_release(struct inode *inode, struct file *filep)
{
	struct vfio_device *device = vfio_device_from_file(filep);

	vfio_device_clear_user(device);
	vfio_device_forget_reason(filep);
	cdev_close_device(device);
	cdev_admit_group(device->group);
	module_put(device->dev->driver->owner);
	/* The last touch of the device: unregistering waits for it */
	vfio_device_put_registration(device);
	return 0;
}

/* The file of a device that was bound through its cdev */
static const struct file_operations vfio_cdev_fops = {
	.owner		= THIS_MODULE,
	.release	= cdev_fops_release,
	.read		= vfio_device_fops_read,
	.write		= vfio_device_fops_write,
	.unlocked_ioctl	= cdev_fops_unl_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.mmap		= vfio_device_fops_mmap,
	.show_fdinfo	= VFIO_DEVICE_FDINFO,
};

static char *cdev_devnode(struct device *dev, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "vfio/devices/%s", dev_name(dev));
}

/**
 * vfio_cdev_init() - set up the character devices
 * @class: the class of struct vfio_device.device
 *
 * Their devices get the attribute that tells who has them, too.
 *
 * Return: 0 or an error.
 */
int __init vfio_cdev_init(struct class *class)
{
	int ret;

	if (WARN_ON(!vfio_device_fops_alike(&vfio_cdev_fops)))
		return -EINVAL;

	class->devnode = cdev_devnode;
	class->dev_groups = vfio_availability_groups;

	ret = alloc_chrdev_region(&cdev_devt, 0, MINORMASK + 1, "vfio-dev");
	if (ret)
		return ret;

	ret = -ENOMEM;
	cdev_all = cdev_alloc();
	if (!cdev_all)
		goto err_region;
	cdev_all->owner = THIS_MODULE;
	cdev_all->ops = &cdev_node_fops;

	ret = cdev_add(cdev_all, cdev_devt, MINORMASK + 1);
	if (ret)
		goto err_cdev;
	return 0;

err_cdev:
	kobject_put(&cdev_all->kobj);
err_region:
	unregister_chrdev_region(cdev_devt, MINORMASK + 1);
	return ret;
}

/**
 * vfio_cdev_cleanup() - undo vfio_cdev_init()
 */
void vfio_cdev_cleanup(void)
{
	cdev_del(cdev_all);
	unregister_chrdev_region(cdev_devt, MINORMASK + 1);
}
