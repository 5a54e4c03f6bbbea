// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM that a device file is given to, before the file is bound.
 *
 * A VMM gives its device files to KVM before it binds them, as a driver looks
 * for the VM in open_device. Until then the device remembers the file and the
 * VM: one pair, the latest. If several files of one device are given away, all
 * but the last are bound without a VM.
 *
 * KVM takes the file back before the VM goes, so the pair needs no reference.
 * It is all that KVM waits for, with locks held that drivers may want in
 * open_device, hence a lock that is held for nothing else.
 */
#include <linux/fs.h>
#include <linux/spinlock.h>
#include <linux/vfio.h>
#if IS_ENABLED(CONFIG_KVM)
#include <linux/kvm_host.h>
#endif

#include "vfio.h"

static DEFINE_SPINLOCK(cdev_kvm_lock);

/**
 * vfio_cdev_set_kvm() - give a file to a VM, or take it back
 * @filep: a file of a cdev
 * @kvm: the VM, or NULL
 */
void vfio_cdev_set_kvm(struct file *filep, struct kvm *kvm)
{
	struct vfio_device *device = filep->private_data;

	spin_lock(&cdev_kvm_lock);
	if (kvm || device->cdev_kvm_file == filep) {
		device->cdev_kvm_file = kvm ? filep : NULL;
		device->cdev_kvm = kvm;
	}
	spin_unlock(&cdev_kvm_lock);
}

#if IS_ENABLED(CONFIG_KVM)
/**
 * vfio_cdev_get_kvm() - the VM that a file was given to
 * @device: the device
 * @filep: its file, which is being bound
 *
 * With a reference: the VMM may end the VM while the device is open.
 *
 * Return: the VM, to be given back with vfio_cdev_put_kvm(); NULL for none.
 */
struct kvm *vfio_cdev_get_kvm(struct vfio_device *device, struct file *filep)
{
	bool (*get)(struct kvm *kvm) = symbol_get(kvm_get_kvm_safe);
	struct kvm *kvm = NULL;

	lockdep_assert_held(&device->dev_set->lock);

	if (!get)
		return NULL;

	spin_lock(&cdev_kvm_lock);
	if (device->cdev_kvm_file == filep && get(device->cdev_kvm))
		kvm = device->cdev_kvm;
	spin_unlock(&cdev_kvm_lock);

	symbol_put(kvm_get_kvm_safe);
	return kvm;
}

/**
 * vfio_cdev_put_kvm() - give a VM back
 * @kvm: from vfio_cdev_get_kvm()
 *
 * Context: not under dev_set->lock: this may be the end of the VM.
 */
void vfio_cdev_put_kvm(struct kvm *kvm)
{
	void (*put)(struct kvm *kvm);

	if (!kvm)
		return;
	/* The module is there as long as a VM is */
	put = symbol_get(kvm_put_kvm);
	if (WARN_ON(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
}
#else
struct kvm *vfio_cdev_get_kvm(struct vfio_device *device, struct file *filep)
{
	return NULL;
}

void vfio_cdev_put_kvm(struct kvm *kvm)
{
}
#endif
