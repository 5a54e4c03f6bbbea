/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VFIO device on an iommufd, for the core of VFIO: from a bind to the end of
 * an unbind. What drivers need is in <linux/vfio.h>.
 */
#ifndef __VFIO_IOMMUFD_H
#define __VFIO_IOMMUFD_H

#include <linux/types.h>
#include <linux/vfio.h>

struct device;
struct file;
struct iommufd_access;
struct iommufd_device;
struct page;
struct vfio_group;

/* What a device that was closed has to let go of yet. Empty without an iommufd */
struct vfio_iommufd_bound {
	struct iommufd_device	*device;
	struct iommufd_access	*access;
	/* kept from sleeping until then */
	struct device		*awake;
};

/* Open devices are on an iommufd or on the container of their group */
static inline bool vfio_device_on_iommufd(struct vfio_device *device)
{
	return device->iommufd_device || device->iommufd_access ||
	       device->iommufd_bare;
}

#if IS_ENABLED(CONFIG_VFIO_IOMMUFD)
int vfio_iommufd_open(struct vfio_device *device,
		      struct vfio_iommufd_bind *bind,
		      struct vfio_iommufd_bound *bound);
struct vfio_iommufd_bound vfio_iommufd_close(struct vfio_device *device);
void vfio_iommufd_unbind(struct vfio_iommufd_bound bound);
int vfio_iommufd_attach(struct vfio_device *device, u32 pt_id,
			int (*answer)(void *data, u32 pt_id), void *data);
int vfio_iommufd_detach(struct vfio_device *device);
int vfio_iommufd_pin_pages(struct vfio_device *device, dma_addr_t iova,
			   int npage, int prot, struct page **pages);
void vfio_iommufd_unpin_pages(struct vfio_device *device, dma_addr_t iova,
			      int npage);
int vfio_iommufd_dma_rw(struct vfio_device *device, dma_addr_t iova, void *data,
			size_t len, bool write);
int vfio_iommufd_group_open(struct vfio_device *device,
			    struct vfio_iommufd_bound *bound, u32 *pt_id);
int vfio_group_set_iommufd(struct vfio_group *group, struct file *file);
void vfio_group_unset_iommufd(struct vfio_group *group);
#else
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

static inline int vfio_iommufd_pin_pages(struct vfio_device *device,
					 dma_addr_t iova, int npage, int prot,
					 struct page **pages)
{
	return -ENOTTY;
}

static inline void vfio_iommufd_unpin_pages(struct vfio_device *device,
					    dma_addr_t iova, int npage)
{
}

static inline int vfio_iommufd_dma_rw(struct vfio_device *device,
				      dma_addr_t iova, void *data, size_t len,
				      bool write)
{
	return -ENOTTY;
}

static inline int vfio_iommufd_group_open(struct vfio_device *device,
					  struct vfio_iommufd_bound *bound,
					  u32 *pt_id)
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
#endif

#endif
