// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO_DEVICE_BIND_IOMMUFD: what it is asked for, and what may not ask.
 *
 * Everything that is found out before an iommufd is at hand. Whoever is refused is
 * told why in the fdinfo of the file.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/vfio.h>

#include "vfio.h"

/* A flag needs its field */
static int bind_check(struct file *filep,
		      const struct vfio_device_bind_iommufd *bind)
{
	const u32 known = VFIO_DEVICE_BIND_FLAG_TOKEN |
			  VFIO_DEVICE_BIND_FLAG_COOKIE;
	u32 needed = offsetofend(struct vfio_device_bind_iommufd, out_devid);

	if (bind->iommufd < 0)
		return vfio_device_refuse(filep, "BIND", -EINVAL,
					  "%d is no file descriptor",
					  bind->iommufd);
	if (bind->flags & ~known)
		return vfio_device_refuse(filep, "BIND", -EINVAL,
					  "this kernel does not know the flags 0x%x",
					  bind->flags & ~known);
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		needed = offsetofend(struct vfio_device_bind_iommufd,
				     token_uuid_ptr);
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_COOKIE)
		needed = offsetofend(struct vfio_device_bind_iommufd,
				     dev_cookie);
	if (bind->argsz < needed)
		return vfio_device_refuse(filep, "BIND", -EINVAL,
					  "argsz is %u, and with these flags the structure has %u bytes",
					  bind->argsz, needed);
	return 0;
}

/**
 * vfio_bind_copy() - fetch the argument
 * @filep: the file
 * @bind: set to it
 * @arg: where it is
 *
 * argsz tells how much of the structure the program knows: the 16 bytes of the
 * first version, 24 with the token, 32 with the cookie.
 *
 * Return: 0, or an error that @filep has been told the reason of.
 */
int vfio_bind_copy(struct file *filep, struct vfio_device_bind_iommufd *bind,
		   struct vfio_device_bind_iommufd __user *arg)
{
	u32 argsz;
	int ret;

	if (get_user(argsz, &arg->argsz))
		return vfio_device_refused(filep, "BIND", -EFAULT, NULL);
	if (argsz < offsetofend(struct vfio_device_bind_iommufd, out_devid))
		return vfio_device_refuse(filep, "BIND", -EINVAL,
					  "argsz is %u, and the structure has 16 bytes at least",
					  argsz);
	/* Nothing that large is ours, and we do not read gigabytes to see it */
	ret = argsz > PAGE_SIZE ? -E2BIG :
				  copy_struct_from_user(bind, sizeof(*bind),
							arg, argsz);
	if (ret)
		return vfio_device_refused(filep, "BIND", ret, NULL);
	bind->argsz = argsz;
	return bind_check(filep, bind);
}

static int bind_refuse_token(struct file *filep, bool given, int ret)
{
	struct vfio_device *device = filep->private_data;
	struct device *pf = device->dev;

	if (ret == -EINVAL)
		return vfio_device_refuse(filep, "BIND", ret,
					  "a VF token is given, and %s has none",
					  dev_name(device->dev));
	if (ret != -EACCES)
		return vfio_device_refused(filep, "BIND", ret, NULL);
	if (dev_is_pci(pf))
		pf = &pci_physfn(to_pci_dev(pf))->dev;
	return vfio_device_refuse(filep, "BIND", ret, "%s, PF %s",
				  given ? "not the VF token that is set" :
					  "VF token needed", dev_name(pf));
}

/**
 * vfio_bind_check_token() - does the caller know the VF token?
 * @filep: the file
 * @args: the argument
 *
 * Before anything else is found out about the device: whoever does not know the
 * token is told nothing more.
 *
 * Return: as vfio_bind_copy().
 */
int vfio_bind_check_token(struct file *filep,
			  const struct vfio_device_bind_iommufd *args)
{
	struct vfio_device *device = filep->private_data;
	bool given = args->flags & VFIO_DEVICE_BIND_FLAG_TOKEN;
	uuid_t token;
	int ret;

	if (given && copy_from_user(&token,
				    u64_to_user_ptr(args->token_uuid_ptr),
				    sizeof(token)))
		return vfio_device_refuse(filep, "BIND", -EFAULT,
					  "the VF token cannot be read");
	if (device->ops->check_token)
		ret = device->ops->check_token(device, given ? &token : NULL);
	else
		ret = given ? -EINVAL : 0;
	return ret ? bind_refuse_token(filep, given, ret) : 0;
}

/**
 * vfio_cdev_refuse_bind() - VFIO_DEVICE_BIND_IOMMUFD of a file with a full table
 * @filep: the file
 * @arg: the argument
 *
 * Such a file was bound before, or is one of the group: neither ever changes
 * back.
 *
 * Return: the error that the argument deserves, else %-EINVAL.
 */
long vfio_cdev_refuse_bind(struct file *filep,
			   struct vfio_device_bind_iommufd __user *arg)
{
	struct vfio_device_bind_iommufd args;
	int ret = vfio_bind_copy(filep, &args, arg);

	return ret ?: vfio_device_refuse(filep, "BIND", -EINVAL,
					 "the file is bound already, or was opened through the group");
}

/**
 * vfio_cdev_refuse_unbound() - any other call on a bind-only file
 * @filep: the file
 * @cmd: number of the call
 *
 * Return: %-EINVAL.
 */
long vfio_cdev_refuse_unbound(struct file *filep, unsigned int cmd)
{
	char name[VFIO_CALL_NAME_MAX];

	return vfio_device_refuse(filep, vfio_device_call_name(cmd, name), -EINVAL,
				  "the file is not bound to an iommufd: VFIO_DEVICE_BIND_IOMMUFD comes first");
}

/**
 * vfio_bind_get_ctx() - the iommufd that is named
 * @filep: the file
 * @fd: of the current process
 *
 * Return: the context with a reference, or an error as vfio_bind_copy().
 */
struct iommufd_ctx *vfio_bind_get_ctx(struct file *filep, int fd)
{
	struct iommufd_ctx *ictx = iommufd_ctx_from_fd(fd);

	if (IS_ERR(ictx))
		vfio_device_refuse(filep, "BIND", PTR_ERR(ictx), "file %d is %s",
				   fd, PTR_ERR(ictx) == -EBADF ? "not open" :
							"no iommufd");
	return ictx;
}
