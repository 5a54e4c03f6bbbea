/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO device on an iommufd, for the core of VFIO: from a bind to the end of
 * an unbind. What drivers need is in <linux/vfio.h>.
 */
#ifndef __VFIO_IOMMUFD_H
#define __VFIO_IOMMUFD_H

#include <linux/iommufd.h>
#include <linux/types.h>
#include <linux/vfio.h>

struct device;
struct file;
struct iommu_dma_report;
struct iommufd_access;
struct iommufd_binding;
struct iommufd_device;
struct vfio_group;

/*
 * What a device that was closed has to let go of yet. Empty if it was not on an
 * iommufd
 */
struct vfio_iommufd_bound {
	/* of its kind; NULL for nothing to let go of */
	const struct vfio_iommufd_ops	*ops;
	union {
		/* of a physical device */
		struct iommufd_device	*device;
		/* of an emulated one */
		struct iommufd_access	*access;
	};
	/* kept from sleeping until then */
	struct device			*awake;
};

/*
 * What a kind of device does on an iommufd. The context of each is that of the
 * function of the same name in iommufd.c.
 */
struct vfio_iommufd_ops {
	/* The first step of opening it; under dev_set->lock */
	int (*bind)(struct vfio_device *device, struct vfio_iommufd_bind *bind);
	/* What would bind fail for? None if for nothing that could be told */
	enum iommufd_bind_obstacle (*obstacle)(struct vfio_device *device,
					       struct iommu_dma_report *report);
	/* Was it bound, and not released since? */
	bool (*is_open)(struct vfio_device *device);
	/* The last step of closing it; hands over what unbind needs; as bind */
	void (*release)(struct vfio_device *device,
			struct vfio_iommufd_bound *bound);
	/* Let go, without locks: waits for user memory */
	void (*unbind)(struct vfio_iommufd_bound *bound);
	/* None if there is nothing to attach; then it has no node either */
	int (*attach)(struct vfio_device *device, u32 pt_id,
		      int (*answer)(void *data, u32 pt_id), void *data);
	/* Comes with attach */
	int (*detach)(struct vfio_device *device);
	/* What fdinfo tells of it, while it is open; none if there is nothing */
	void (*describe)(struct vfio_device *device,
			 struct iommufd_binding *binding);
	/* Can its DMA, if it does any, not bypass the caches? */
	bool (*coherent)(struct vfio_device *device);
};

extern const struct vfio_iommufd_ops vfio_iommufd_physical_ops;
extern const struct vfio_iommufd_ops vfio_iommufd_emulated_ops;
extern const struct vfio_iommufd_ops vfio_iommufd_bare_ops;

#if IS_ENABLED(CONFIG_VFIO_IOMMUFD)
void vfio_iommufd_register(struct vfio_device *device);
bool vfio_iommufd_attachable(struct vfio_device *device);
bool vfio_iommufd_is_open(struct vfio_device *device);
void vfio_iommufd_describe(struct vfio_device *device,
			   struct iommufd_binding *binding);
bool vfio_iommufd_coherent(struct vfio_device *device);
int vfio_iommufd_driver_bind(struct vfio_device *device,
			     struct vfio_iommufd_bind *bind);
int vfio_iommufd_open(struct vfio_device *device,
		      struct vfio_iommufd_bind *bind,
		      struct vfio_iommufd_bound *bound);
struct vfio_iommufd_bound vfio_iommufd_close(struct vfio_device *device);
void vfio_iommufd_unbind(struct vfio_iommufd_bound bound);
int vfio_iommufd_attach(struct vfio_device *device, u32 pt_id,
			int (*answer)(void *data, u32 pt_id), void *data);
int vfio_iommufd_detach(struct vfio_device *device);
int vfio_group_set_iommufd(struct vfio_group *group, struct file *file);
void vfio_group_unset_iommufd(struct vfio_group *group);
int vfio_group_iommufd_open(struct vfio_device *device,
			    struct vfio_iommufd_bound *bound, u32 *pt_id);
bool vfio_group_iommufd_coherent(struct vfio_group *group);
#else
static inline void vfio_iommufd_register(struct vfio_device *device)
{
}

static inline bool vfio_iommufd_is_open(struct vfio_device *device)
{
	return false;
}

static inline struct vfio_iommufd_bound
vfio_iommufd_close(struct vfio_device *device)
{
	return (struct vfio_iommufd_bound){};
}

static inline void vfio_iommufd_unbind(struct vfio_iommufd_bound bound)
{
}

static inline int vfio_iommufd_attach(struct vfio_device *device, u32 pt_id,
				      int (*answer)(void *data, u32 pt_id),
				      void *data)
{
	return -EOPNOTSUPP;
}

static inline int vfio_group_set_iommufd(struct vfio_group *group,
					 struct file *file)
{
	return -EINVAL;
}

static inline void vfio_group_unset_iommufd(struct vfio_group *group)
{
}

static inline int vfio_group_iommufd_open(struct vfio_device *device,
					  struct vfio_iommufd_bound *bound,
					  u32 *pt_id)
{
	return -EOPNOTSUPP;
}

static inline bool vfio_group_iommufd_coherent(struct vfio_group *group)
{
	return false;
}
#endif

#endif
