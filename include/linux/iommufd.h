/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd for drivers: bind a device to a user's /dev/iommu, attach it to one
 * of the user's I/O address spaces.
 *
 * Life of a device:
 *
 *	ictx = iommufd_ctx_from_fd(fd);
 *	idev = iommufd_bind_device(ictx, dev, &cookie, &id);
 *	iommufd_ctx_put(ictx);			idev keeps the context
 *	iommufd_attach_device(idev, &pt_id, NULL, NULL);	again to replace
 *	iommufd_detach_device(idev);
 *	iommufd_unbind_device(idev);
 *
 * All calls may run side by side, but those on one idev neither with its bind
 * nor with its unbind. Attach, detach and unbind wait for user memory: the caller
 * holds no lock that other users need.
 *
 * A driver whose device does no DMA of its own, because the driver does what the
 * device would do, has an access instead: the memory of an I/O address space by
 * page or by byte.
 *
 *	iommufd_access_create(ictx, &ops, data, &cookie, &access, &id);
 *	iommufd_access_attach(access, ioas_id);	again to replace
 *	iommufd_access_pin(access, iova, length, pages, IOMMUFD_ACCESS_WRITE);
 *	iommufd_access_unpin(access, iova, length);
 *	iommufd_access_copy(access, iova, buffer, length, 0);
 *	iommufd_access_detach_killable(access);
 *	iommufd_access_destroy(access);
 *
 * The same holds for these. Pin, unpin and copy may come at any time before
 * destroy; without an attachment they find nothing mapped.
 */
#ifndef __LINUX_IOMMUFD_H
#define __LINUX_IOMMUFD_H

#include <linux/types.h>

struct device;
struct file;
struct iommu_dma_report;
struct iommu_group;
struct iommufd_access;
struct iommufd_compat_group;
struct iommufd_ctx;
struct iommufd_device;
struct page;
struct seq_file;

/**
 * struct iommufd_access_ops - what the owner of an access supplies
 * @pins: it will pin pages; else it only copies, and @unmap is not needed
 * @name: of the device, for fdinfo and traces; NULL for none
 * @unmap: let go of what is pinned in the range: its mapping goes away, or the
 *         access leaves the IOAS. Called for each range as it was pinned, or
 *         for the part of it that is in one mapping; again if it is pinned
 *         several times or the owner does not find it yet; and possibly just
 *         after it was unpinned. Called without locks of iommufd that pin,
 *         unpin or copy need
 */
struct iommufd_access_ops {
	bool pins;
	const char *(*name)(void *data);
	void (*unmap)(void *data, u64 iova, u64 length);
};

/* Room for a call that was refused, its errno and why, with the end */
#define IOMMUFD_REFUSAL_MAX	240

/**
 * struct iommufd_binding - what fdinfo tells of what is bound
 * @ictx: the context, without a reference
 * @ictx_number: by which that is told from others
 * @id: number by which the user can name the device or access
 * @pt_id: number of the HWPT or IOAS that it is attached to; 0 for none
 * @has_cookie: the user chose a name
 * @cookie: which
 * @nr_faults: how often DMA of the device was stopped
 */
struct iommufd_binding {
	struct iommufd_ctx *ictx;
	u32 ictx_number;
	u32 id;
	u32 pt_id;
	bool has_cookie;
	u64 cookie;
	u64 nr_faults;
};

/* Flags of pin and copy: to the memory, not just from it */
#define IOMMUFD_ACCESS_WRITE	1

/**
 * enum iommufd_bind_obstacle - what keeps a device from being bound
 * @IOMMUFD_BIND_POSSIBLE: nothing
 * @IOMMUFD_BIND_NOT_COHERENT: no IOMMU that keeps caches coherent
 * @IOMMUFD_BIND_NO_GROUP: it has no iommu_group
 * @IOMMUFD_BIND_INTERRUPTS: they are not isolated
 * @IOMMUFD_BIND_OWNED: somebody has claimed the DMA of its group; to a context
 *                      that did, it can be bound all the same
 * @IOMMUFD_BIND_DRIVEN: a driver of its group uses the DMA API
 * @IOMMUFD_BIND_ATTACHED: its group is attached, and by nobody who claimed it
 */
enum iommufd_bind_obstacle {
	IOMMUFD_BIND_POSSIBLE,
	IOMMUFD_BIND_NOT_COHERENT,
	IOMMUFD_BIND_NO_GROUP,
	IOMMUFD_BIND_INTERRUPTS,
	IOMMUFD_BIND_OWNED,
	IOMMUFD_BIND_DRIVEN,
	IOMMUFD_BIND_ATTACHED,
};

struct iommufd_ctx *iommufd_ctx_from_fd(int fd);
struct iommufd_ctx *iommufd_ctx_from_file(struct file *file);
void iommufd_ctx_put(struct iommufd_ctx *ictx);
__printf(3, 4)
int iommufd_refuse(struct iommufd_ctx *ictx, int ret, const char *format, ...);
void iommufd_refused(struct iommufd_ctx *ictx, const char *call, int ret,
		     char *line);
void iommufd_write_refusal(char *line, const char *call, int ret,
			   const char *sentence);
void iommufd_show_refusal(struct seq_file *m, unsigned long nr_refusals,
			  const char *line);

struct iommufd_device *iommufd_bind_device(struct iommufd_ctx *ictx,
					   struct device *dev,
					   const u64 *cookie, u32 *id);
void iommufd_unbind_device(struct iommufd_device *idev);
enum iommufd_bind_obstacle
iommufd_bind_obstacle(struct device *dev, struct iommu_dma_report *report);
int iommufd_attach_device(struct iommufd_device *idev, u32 *pt_id,
			  int (*answer)(void *data, u32 pt_id), void *data);
void iommufd_detach_device(struct iommufd_device *idev);
int iommufd_detach_device_killable(struct iommufd_device *idev);
struct iommufd_ctx *iommufd_device_ctx(const struct iommufd_device *idev);
u32 iommufd_device_id(const struct iommufd_device *idev);
void iommufd_device_describe(const struct iommufd_device *idev,
			     struct iommufd_binding *binding);
bool iommufd_ctx_owns_dma(struct iommufd_ctx *ictx, struct device *dev);

int iommufd_access_create(struct iommufd_ctx *ictx,
			  const struct iommufd_access_ops *ops, void *data,
			  const u64 *cookie, struct iommufd_access **owner,
			  u32 *id);
void iommufd_access_destroy(struct iommufd_access *access);
void iommufd_access_describe(const struct iommufd_access *access,
			     struct iommufd_binding *binding);
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);
int iommufd_access_detach_killable(struct iommufd_access *access);
int iommufd_access_pin(struct iommufd_access *access, u64 iova, u64 length,
		       struct page **pages, unsigned int flags);
void iommufd_access_unpin(struct iommufd_access *access, u64 iova, u64 length);
int iommufd_access_copy(struct iommufd_access *access, u64 iova, void *buffer,
			size_t length, unsigned int flags);

int iommufd_compat_ioas_id(struct iommufd_ctx *ictx, u32 *ioas_id);
struct iommufd_compat_group *
iommufd_compat_join(struct iommufd_ctx *ictx, struct iommu_group *iommu_group);
void iommufd_compat_leave(struct iommufd_ctx *ictx,
			  struct iommufd_compat_group *group);
int iommufd_compat_set_no_iommu(struct iommufd_ctx *ictx);
#endif
