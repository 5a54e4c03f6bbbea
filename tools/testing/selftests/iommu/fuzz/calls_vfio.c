// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of device files, group files and containers.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include <linux/vfio.h>

#include "../lib/vfio_device.h"
#include "table.h"
#include "world.h"

#define CALL(_name, _target, _request, ...)                                                   \
	{                                                                                     \
		.name = _name, .target = _target, .request = _request,                        \
		.fields = FIELDS(__VA_ARGS__)                                                 \
	}
#define DEVICE(_name, _request, ...) CALL(_name, BASE_CDEV, _request, __VA_ARGS__)
#define CONTAINER(_name, _request, ...) CALL(_name, BASE_CONTAINER, _request, __VA_ARGS__)

#define ARGSZ(type) FIELD(type, argsz, KIND_SIZE, .number = sizeof(struct type))
#define FLAGS(type, mask) FIELD(type, flags, KIND_FLAGS, .number = mask)

/* With data behind the structure */
#define ARGSZ_LONG(type, more)                                                                \
	FIELD(type, argsz, KIND_SIZE, .number = sizeof(struct type) + (more))

const struct call device_calls[] = {
	DEVICE("bind", VFIO_DEVICE_BIND_IOMMUFD, ARGSZ(vfio_device_bind_iommufd),
	       FIELD(vfio_device_bind_iommufd, flags, KIND_FIXED),
	       FIELD(vfio_device_bind_iommufd, iommufd, KIND_SLOT, .base = BASE_IOMMU),
	       FIELD(vfio_device_bind_iommufd, out_devid, KIND_OUT, .out = BASE_DEVICE)),
	DEVICE("bind_cookie", VFIO_DEVICE_BIND_IOMMUFD, ARGSZ(vfio_device_bind_iommufd),
	       FIELD(vfio_device_bind_iommufd, flags, KIND_FLAGS,
		     .number = VFIO_DEVICE_BIND_FLAG_COOKIE | VFIO_DEVICE_BIND_FLAG_TOKEN),
	       FIELD(vfio_device_bind_iommufd, iommufd, KIND_SLOT, .base = BASE_IOMMU),
	       FIELD(vfio_device_bind_iommufd, out_devid, KIND_OUT, .out = BASE_DEVICE),
	       POINTER(vfio_device_bind_iommufd, token_uuid_ptr),
	       FIELD(vfio_device_bind_iommufd, dev_cookie, KIND_BELOW, .number = 4)),
	DEVICE("attach_ioas", VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	       ARGSZ(vfio_device_attach_iommufd_pt), FLAGS(vfio_device_attach_iommufd_pt, 0),
	       FIELD(vfio_device_attach_iommufd_pt, pt_id, KIND_SLOT, .base = BASE_IOAS,
		     .out = BASE_HWPT)),
	DEVICE("attach_hwpt", VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	       ARGSZ(vfio_device_attach_iommufd_pt), FLAGS(vfio_device_attach_iommufd_pt, 0),
	       FIELD(vfio_device_attach_iommufd_pt, pt_id, KIND_SLOT, .base = BASE_HWPT)),
	DEVICE("detach", VFIO_DEVICE_DETACH_IOMMUFD_PT, ARGSZ(vfio_device_detach_iommufd_pt),
	       FLAGS(vfio_device_detach_iommufd_pt, 0)),
	DEVICE("device_info", VFIO_DEVICE_GET_INFO, ARGSZ(vfio_device_info)),
	DEVICE("region_info", VFIO_DEVICE_GET_REGION_INFO, ARGSZ(vfio_region_info),
	       FIELD(vfio_region_info, index, KIND_BELOW, .number = VFIO_PCI_NUM_REGIONS)),
	DEVICE("irq_info", VFIO_DEVICE_GET_IRQ_INFO, ARGSZ(vfio_irq_info),
	       FIELD(vfio_irq_info, index, KIND_BELOW, .number = VFIO_PCI_NUM_IRQS)),
	DEVICE("set_irqs", VFIO_DEVICE_SET_IRQS, ARGSZ_LONG(vfio_irq_set, 8),
	       FLAGS(vfio_irq_set, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER),
	       FIELD(vfio_irq_set, index, KIND_BELOW, .number = VFIO_PCI_NUM_IRQS),
	       FIELD(vfio_irq_set, start, KIND_ZERO),
	       FIELD(vfio_irq_set, count, KIND_BELOW, .number = 3),
	       DATA(vfio_irq_set, event_0, 0, 4, KIND_SLOT, .base = BASE_EVENT),
	       DATA(vfio_irq_set, event_1, 4, 4, KIND_SLOT, .base = BASE_EVENT)),
	DEVICE("irqs_off", VFIO_DEVICE_SET_IRQS, ARGSZ(vfio_irq_set),
	       FLAGS(vfio_irq_set, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER),
	       FIELD(vfio_irq_set, index, KIND_BELOW, .number = VFIO_PCI_NUM_IRQS)),
	DEVICE("reset", VFIO_DEVICE_RESET, ARGSZ(vfio_device_info)),
	DEVICE("hot_reset_info", VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
	       ARGSZ_LONG(vfio_pci_hot_reset_info, 64)),
	DEVICE("hot_reset", VFIO_DEVICE_PCI_HOT_RESET, ARGSZ_LONG(vfio_pci_hot_reset, 8),
	       FLAGS(vfio_pci_hot_reset, 0),
	       FIELD(vfio_pci_hot_reset, count, KIND_BELOW, .number = 3),
	       DATA(vfio_pci_hot_reset, group_0, 0, 4, KIND_SLOT, .base = BASE_GROUP),
	       DATA(vfio_pci_hot_reset, group_1, 4, 4, KIND_SLOT, .base = BASE_GROUP)),
	DEVICE("feature", VFIO_DEVICE_FEATURE, ARGSZ(vfio_device_feature),
	       FIELD(vfio_device_feature, flags, KIND_BELOW, .number = 10)),
	DEVICE("low_power", VFIO_DEVICE_FEATURE, ARGSZ(vfio_device_feature),
	       FIELD(vfio_device_feature, flags, KIND_FIXED,
		     .number = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY)),
	DEVICE("full_power", VFIO_DEVICE_FEATURE, ARGSZ(vfio_device_feature),
	       FIELD(vfio_device_feature, flags, KIND_FIXED,
		     .number = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT)),
	{ }
};

/* The argument is the address of a descriptor. */
static long run_set_container(const struct step *step, const __u64 *values)
{
	return errno_of(ioctl(values[0], VFIO_GROUP_SET_CONTAINER, &(int){ values[1] }));
}

static long run_group_device(const struct step *step, const __u64 *values)
{
	if (values[1] >= world_devices.count)
		return -ENODEV;
	return vfio_group_device(values[0], world_devices.list[values[1]].bdf);
}

const struct call group_calls[] = {
	CALL("group_status", BASE_GROUP, VFIO_GROUP_GET_STATUS, ARGSZ(vfio_group_status)),
	CALL("group_unset_container", BASE_GROUP, VFIO_GROUP_UNSET_CONTAINER,
	     ARGSZ(vfio_group_status)),
	{ .name = "group_set_iommu", .target = BASE_GROUP, .run = run_set_container,
	  .fields = FIELDS(PARAMETER(iommu, 0, KIND_SLOT, .base = BASE_IOMMU)) },
	{ .name = "group_set_container", .target = BASE_GROUP, .run = run_set_container,
	  .fields = FIELDS(PARAMETER(container, 0, KIND_SLOT, .base = BASE_CONTAINER)) },
	{ .name = "group_device", .target = BASE_GROUP, .run = run_group_device,
	  .result = BASE_CDEV,
	  .fields = FIELDS(PARAMETER(device, 0, KIND_BELOW, .number = DEVICES_MAX)) },
	{ }
};

static long run_check_extension(const struct step *step, const __u64 *values)
{
	return errno_of(ioctl(values[0], VFIO_CHECK_EXTENSION, values[1]));
}

static long run_set_iommu(const struct step *step, const __u64 *values)
{
	return errno_of(ioctl(values[0], VFIO_SET_IOMMU, values[1]));
}

#define NUMBER_CALL(_name, _run)                                                              \
	{                                                                                     \
		.name = _name, .target = BASE_CONTAINER, .run = _run,                         \
		.fields = FIELDS(PARAMETER(type, 0, KIND_BELOW, .number = 10))                \
	}

const struct call container_calls[] = {
	NUMBER_CALL("container_check_extension", run_check_extension),
	NUMBER_CALL("container_set_iommu", run_set_iommu),
	CONTAINER("container_info", VFIO_IOMMU_GET_INFO,
		  ARGSZ_LONG(vfio_iommu_type1_info, 128), FLAGS(vfio_iommu_type1_info, 0)),
	CONTAINER("container_map", VFIO_IOMMU_MAP_DMA, ARGSZ(vfio_iommu_type1_dma_map),
		  FLAGS(vfio_iommu_type1_dma_map, 7),
		  FIELD(vfio_iommu_type1_dma_map, vaddr, KIND_MEMORY),
		  FIELD(vfio_iommu_type1_dma_map, iova, KIND_IOVA, .out = BASE_IOVA),
		  FIELD(vfio_iommu_type1_dma_map, size, KIND_LENGTH)),
	CONTAINER("container_unmap", VFIO_IOMMU_UNMAP_DMA, ARGSZ(vfio_iommu_type1_dma_unmap),
		  FLAGS(vfio_iommu_type1_dma_unmap, 7),
		  FIELD(vfio_iommu_type1_dma_unmap, iova, KIND_IOVA),
		  FIELD(vfio_iommu_type1_dma_unmap, size, KIND_LENGTH)),
	{ }
};
